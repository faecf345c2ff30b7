package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// listing is a TikTok that knows texts alone: a list of audiences, and OK. It keeps the bodies it is sent.
type listing struct {
	audiences string
	refuse    string // the answer to every change
	throttle  int    // calls that are throttled first
	posts     map[string]any
}

func (l *listing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := strings.TrimPrefix(r.URL.Path, "/open_api/v1.3")
	answer := `{"code":0,"message":"OK","data":{}}`
	switch {
	case l.throttle > 0:
		l.throttle--
		answer = `{"code":40100,"message":"Too many requests. Please retry in some time."}`
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		l.posts[endpoint] = fields
		if l.refuse != "" {
			answer = l.refuse
		}
	case strings.HasSuffix(endpoint, "/list/"):
		answer = `{"code":0,"message":"OK","data":{"list":[` + l.audiences + `],"page_info":{"total_page":1}}}`
	case strings.HasSuffix(endpoint, "/get/"):
		answer = `{"code":40007,"message":"The object does not exist."}`
	}
	_, _ = io.WriteString(w, answer)
}

const (
	ofFiles  = `{"audience_id":"71","name":"Old","audience_type":"Customer File Audience","calculate_type":"EMAIL_SHA256","is_creator":true,"is_valid":true}`
	streamed = `{"audience_id":"72","name":"News","audience_type":"Partner Audience","is_creator":true,"is_valid":true}`
	shared   = `{"audience_id":"73","name":"Theirs","audience_type":"Customer File Audience","is_creator":false,"shared":true,"owner_id":"99","is_valid":true}`
	outdated = `{"audience_id":"74","name":"Gone by","audience_type":"Customer File Audience","is_creator":true,"is_valid":false,"expired_time":"2020-01-01 00:00:00"}`
)

func TestAudiencesAreDeletedRenamedAndSharedAsTikToksPageSays(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	const advertiser = "7000000000000000001"
	for name, c := range map[string]struct {
		args   string
		stub   listing
		posts  map[string]any // what TikTok must be sent, and nothing else
		says   string
		exit   int
		prints string
	}{
		"a file audience is deleted": {args: "delete --id 71 --yes", posts: map[string]any{
			"/dmp/custom_audience/delete/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"71"}}}, prints: "deleted audience 71"},
		"a streamed audience is deleted": {args: "delete --id 72 --yes", posts: map[string]any{
			"/segment/audience/": map[string]any{"advertiser_id": advertiser, "action": "delete", "delete_audience_id": "72"}}, prints: "deleted audience 72"},
		"an expired audience is deleted": {args: "delete --id 74 --yes", posts: map[string]any{
			"/dmp/custom_audience/delete/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"74"}}}, prints: "deleted audience 74"},
		"a file audience is renamed": {args: "rename --id 71 --name New --yes", posts: map[string]any{
			"/dmp/custom_audience/update/": map[string]any{"advertiser_id": advertiser, "custom_audience_id": "71", "custom_audience_name": "New"}}, prints: "renamed audience 71"},
		"an audience is shared": {args: "share --id 72 --to 8,9 --yes", posts: map[string]any{
			"/dmp/custom_audience/share/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"72"}, "shared_advertiser_ids": []any{"8", "9"}}}, prints: "shared audience 72"},
		"one that a sync fills is shared": {args: "share --sync lapsed --to 8 --yes", stub: listing{audiences: strings.Replace(ofFiles, "Old", "Lapsed", 1)}, posts: map[string]any{
			"/dmp/custom_audience/share/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"71"}, "shared_advertiser_ids": []any{"8"}}}, prints: "shared audience 71"},
		"TikTok does not share": {args: "share --id 71 --to 8 --yes", stub: listing{refuse: `{"code":40002,"message":"shared_advertiser_ids: Advertiser 8 is not another one of the same Business Center."}`},
			posts: map[string]any{"/dmp/custom_audience/share/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"71"}, "shared_advertiser_ids": []any{"8"}}},
			says:  "within one Business Center alone", exit: exitError},
		"sharing is tried dry":         {args: "share --id 71 --to 8 --dry-run", prints: "would share audience 71; nothing was done"},
		"sharing is asked about":       {args: "share --id 71 --to 8", says: "nothing was done; give --yes", exit: exitUsage},
		"shared with its owner":        {args: "share --id 71 --to " + advertiser + " --yes", says: "owns audience 71: nothing was done", exit: exitUsage},
		"an expired one, shared":       {args: "share --id 74 --to 8 --yes", says: "audience 74 has expired: nothing was done", exit: exitError},
		"another account's, shared on": {args: "share --id 73 --to 8 --yes", says: "belongs to another account (99)", exit: exitError},
		"shared with none":             {args: "share --id 71 --yes", says: "--to: give 1 to 10 advertisers", exit: exitUsage},
		"shared with one named twice":  {args: "share --id 71 --to 8,8 --yes", says: "advertiser 8 is named twice", exit: exitUsage},
		"shared with a name":           {args: "share --id 71 --to acme --yes", says: "is not an advertiser's id", exit: exitUsage},
		"TikTok throttles at first": {args: "delete --id 71 --yes", stub: listing{throttle: 1}, posts: map[string]any{
			"/dmp/custom_audience/delete/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"71"}}}, prints: "deleted audience 71"},
		"it is gone already": {args: "delete --id 71 --yes", stub: listing{refuse: `{"code":40007,"message":"The object does not exist."}`}, posts: map[string]any{
			"/dmp/custom_audience/delete/": map[string]any{"advertiser_id": advertiser, "custom_audience_ids": []any{"71"}}}, prints: "deleted audience 71"},
		"TikTok refuses": {args: "rename --id 71 --name New --yes", stub: listing{refuse: `{"code":40002,"message":"Audience is not editable, please check audience status"}`},
			posts: map[string]any{"/dmp/custom_audience/update/": map[string]any{"advertiser_id": advertiser, "custom_audience_id": "71", "custom_audience_name": "New"}},
			says:  "renames an audience only while it is usable", exit: exitError},
		"another account's":                    {args: "delete --id 73 --yes --although-filled", says: "belongs to another account (99)", exit: exitError},
		"another account's, renamed":           {args: "rename --id 73 --name New --yes", says: "belongs to another account (99)", exit: exitError},
		"a streamed audience is renamed":       {args: "rename --id 72 --name New --yes --although-filled", says: "TikTok renames no other kind", exit: exitError},
		"a sync will find it by its name":      {args: "delete --id 71 --yes", stub: listing{audiences: strings.Replace(ofFiles, "Old", "Lapsed", 1)}, says: "filled by lapsed: nothing was done", exit: exitUsage},
		"and once more with words":             {args: "rename --sync lapsed --name New --yes", stub: listing{audiences: strings.Replace(ofFiles, "Old", "Lapsed", 1)}, says: "or it makes another audience", exit: exitUsage},
		"one of the name, of the other kind":   {args: "delete --sync lapsed --yes", stub: listing{audiences: strings.Replace(streamed, "News", "Lapsed", 1)}, says: "no audience that lapsed fills", exit: exitUsage},
		"two of the name":                      {args: "delete --sync lapsed --yes --although-filled", stub: listing{audiences: strings.Replace(ofFiles, "Old", "Lapsed", 1) + "," + strings.NewReplacer("Old", "Lapsed", "71", "75").Replace(ofFiles)}, says: "fills 2 audiences: give the one that is meant by --id", exit: exitUsage},
		"nothing is answered without a person": {args: "delete --id 71", says: "nothing was done; give --yes", exit: exitUsage},
		"an empty name":                        {args: "rename --id 71 --name= --yes", says: "1 to 128 characters", exit: exitUsage},
		"a name of 129 letters":                {args: "rename --id 71 --yes --name=" + strings.Repeat("é", 129), says: "1 to 128 characters", exit: exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			stub := c.stub
			stub.posts = map[string]any{}
			if stub.audiences == "" {
				stub.audiences = strings.Join([]string{ofFiles, streamed, shared, outdated}, ",")
			}
			server := httptest.NewServer(&stub)
			t.Cleanup(server.Close)
			out, err := audienceRun(t, server.URL, broker.ListenAddrs()[0], c.args)
			if got := exitCode(err); got != c.exit || err != nil && !strings.Contains(err.Error(), c.says) || !strings.Contains(out, c.prints) {
				t.Errorf("got exit code %d, error %v and\n%s\nwant %d, %q and %q", got, err, out, c.exit, c.says, c.prints)
			}
			if len(stub.posts)+len(c.posts) > 0 && !reflect.DeepEqual(stub.posts, c.posts) {
				t.Errorf("TikTok was sent %v, want %v", stub.posts, c.posts)
			}
		})
	}
}

// audienceRun runs tokrelay audience, and returns what it printed.
func audienceRun(t *testing.T, tiktok, broker, args string) (string, error) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "c.yaml")
	text := fmt.Sprintf(`
kafka: {brokers: [%q]}
connections:
  main: {advertiser_id: "7000000000000000001", access_token: t, base_url: %q}
syncs:
  - name: lapsed
    topic: customers
    framing: json
    audience_file: {audience: {name: Lapsed}, identifier: {EMAIL_SHA256: email}, schedule: "0 3 * * *"}
`, broker, tiktok)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	root := command()
	root.SetArgs(append([]string{"audience"}, append(strings.Fields(args), "-c", config)...))
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(""))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}
