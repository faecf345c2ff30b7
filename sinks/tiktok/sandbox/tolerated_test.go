package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal("compress")
	}
	return b.String()
}

// What TikTok is known to take, or nobody knows whether it does: each with the warning that refuses it.
func TestWhatIsToleratedIsCountedAndCanBeRefused(t *testing.T) {
	list := base + "/pixel/list/?advertiser_id=" + DefaultAdvertiser
	audiences := base + files + "get?advertiser_id=" + DefaultAdvertiser + "&custom_audience_ids=" + url.QueryEscape(`["1"]`)
	cases := []struct {
		name         string
		method, path string
		body         string
		headers      []string
		warning      Warning
		code, strict int // return code; an HTTP status where it is below 1000
	}{
		{"a GET without its last slash", "GET", strings.Replace(list, "/?", "?", 1), "", nil, NoSlash, 0, 404},
		{"a GET without its last slash, refused for what it asks", "GET", audiences, "", nil, NoSlash, 40007, 404},
		{"a GET with it", "GET", list, "", nil, "", 0, 0},
		{"a POST without its last slash", "POST", base + "/event/track", web(ev()), nil, "", 404, 404},
		{"an unknown GET", "GET", base + "/pixel/nothing", "", nil, "", 404, 404},
		{"a compressed call", "POST", base + "/event/track/", zipped(t, web(ev())), []string{"Content-Encoding", "gzip"}, Compressed, 0, 40002},
		{"a call that says it is compressed", "POST", base + "/event/track/", web(ev()), []string{"Content-Encoding", "gzip"}, Compressed, 40002, 40002},
		{"a compressed call that is too large", "POST", base + "/event/track/", zipped(t, strings.Repeat(" ", maxBody+1)), []string{"Content-Encoding", "gzip"}, Compressed, 40002, 40002},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			outcome := func(r reply) int {
				if r.Status != http.StatusOK {
					return r.Status
				}
				return r.Code
			}
			s := New(quiet())
			if got := outcome(send(t, s, c.method, c.path, c.body, c.headers...)); got != c.code {
				t.Errorf("got %d, want %d", got, c.code)
			}
			if got := s.Stats().Warnings; len(got) != min(len(c.warning), 1) || c.warning != "" && got[c.warning] != 1 {
				t.Errorf("got warnings %v, want %q once", got, c.warning)
			}
			cfg := quiet()
			cfg.Refuse = []Warning{c.warning}
			if got := outcome(send(t, New(cfg), c.method, c.path, c.body, c.headers...)); got != c.strict {
				t.Errorf("refused: got %d, want %d", got, c.strict)
			}
		})
	}
}

func TestThePlaceOfAProblemIsOnlyInTheListOfCalls(t *testing.T) {
	cases := []struct{ name, body, message, place string }{
		{"a wrong value", web(ev(), item("price", `"x"`)), "Invalid value for price: not a valid number.", "data.1.properties.contents.1.price"},
		{"a missing one", web(ev("event_time", "")), "Invalid value for event_time: not a valid integer.", "data.0.event_time"},
		{"an element of a list", web(usr("email", `["a@b.com"]`)), "Invalid value for email: not hashed.", "data.0.user.email.0"},
		{"a lead without an id", from("crm", DefaultCRMSet, ev("page", "", "lead", "{}")), "Invalid value for lead_id: not a valid string.", "data.0.lead.lead_id"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			got := post(t, s, "/event/track/", c.body)
			if got.Message != c.message || strings.Contains(got.Raw, c.place) || s.Calls()[0].Place != c.place {
				t.Errorf("got %s and place %q, want %q and %q in the list of calls only", got, s.Calls()[0].Place, c.message, c.place)
			}
		})
	}
}

func details(t *testing.T, s *Sandbox, advertiser, id string) (d struct {
	IsCreator bool   `json:"is_creator"`
	Shared    bool   `json:"shared"`
	Owner     string `json:"owner_id"`
	Valid     bool   `json:"is_valid"`
	Expires   string `json:"expired_time"`
}, msg string) {
	t.Helper()
	got := send(t, s, "GET", base+files+"get/?advertiser_id="+advertiser+"&custom_audience_ids="+url.QueryEscape(`["`+id+`"]`), "")
	got.want(t, 0)
	var data struct {
		List []struct {
			Details json.RawMessage     `json:"audience_details"`
			History []map[string]string `json:"audience_history"`
		} `json:"list"`
	}
	if err := json.Unmarshal(got.Data, &data); err != nil || len(data.List) != 1 {
		t.Fatalf("got %s: %v", got, err)
	}
	if err := json.Unmarshal(data.List[0].Details, &d); err != nil {
		t.Fatal(err)
	}
	return d, data.List[0].History[0]["msg"]
}

func TestAnAudienceCanBecomeWhatAClientMeets(t *testing.T) {
	add := func(id string) string { return mapped("add", `["EMAIL_SHA256"]`, "["+elem(id64(1), id)+"]") }
	rename := func(id string) string {
		return fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_id":%q,"custom_audience_name":"b"}`, DefaultAdvertiser, id)
	}
	remove := func(id string) string {
		return fmt.Sprintf(`{"advertiser_id":%q,"action":"delete","delete_audience_id":%q}`, DefaultAdvertiser, id)
	}
	cases := []struct {
		name, order      string
		segment          bool
		path             string
		call             func(string) string
		code             int
		message          string
		isCreator, valid bool
	}{
		{"another company's, filled", `{"is_creator":false}`, true, "/segment/mapping/", add, 40001, "No permission to operate audience", false, false},
		{"another company's, deleted", `{"is_creator":false}`, true, "/segment/audience/", remove, 40001, "No permission to operate audience", false, false},
		{"another company's, renamed", `{"is_creator":false}`, false, files + "update/", rename, 40001, "No permission to operate audience", false, true},
		{"expired, filled", `{"expires":"2026-03-01T11:00:00Z"}`, true, "/segment/mapping/", add, 40002, "batch_data.0.0.audience_ids: Audience is expired.", true, false},
		{"expired, deleted", `{"expires":"2026-03-01T11:00:00Z"}`, true, "/segment/audience/", remove, 0, "OK", true, false},
		{"expired, renamed", `{"expires":"2026-03-01T11:00:00Z"}`, false, files + "update/", rename, 40002, "Audience is not editable, please check audience status", true, false},
		{"not yet expired", `{"expires":"2026-03-02T11:00:00Z"}`, false, files + "update/", rename, 0, "OK", true, true},
		{"shared out, renamed", `{"shared_with":["2"]}`, false, files + "update/", rename, 0, "OK", true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			id := ""
			if c.segment {
				id = createSegment(t, s, "a")
			} else {
				id = createFile(t, s, 1000)
			}
			if got := admin(t, s, "POST", "audiences/"+id, c.order); got.Status != 200 {
				t.Fatalf("got %s", got)
			}
			d, _ := details(t, s, DefaultAdvertiser, id)
			if d.IsCreator != c.isCreator || d.Valid != c.valid || d.IsCreator != (d.Owner == DefaultAdvertiser) || !d.IsCreator && !d.Shared {
				t.Errorf("got %+v, want is_creator %v and is_valid %v", d, c.isCreator, c.valid)
			}
			post(t, s, c.path, c.call(id)).want(t, c.code, c.message)
		})
	}
}

func TestANoteOfAPartialSuccessIsInTheHistoryAlone(t *testing.T) {
	s := New(quiet())
	id := createFile(t, s, 1000)
	admin(t, s, "POST", "audiences/"+id, `{"note":"3 lines were left out."}`)
	if d, msg := details(t, s, DefaultAdvertiser, id); msg != "3 lines were left out." || !d.Valid {
		t.Errorf("got %+v and %q, want it usable with the note", d, msg)
	}
}

func TestADeletedAudienceIsGone(t *testing.T) {
	for _, c := range []struct {
		gone bool
		code int
	}{{false, 40002}, {true, 40007}} {
		cfg := quiet()
		cfg.GoneIsMissing = c.gone
		s := New(cfg)
		id := createSegment(t, s, "a")
		if got := admin(t, s, "DELETE", "audiences/"+id, ""); got.Status != 200 {
			t.Fatalf("got %s", got)
		}
		if got := admin(t, s, "DELETE", "audiences/"+id, ""); got.Status != 404 {
			t.Errorf("got %s, want 404", got)
		}
		post(t, s, "/segment/mapping/", mapped("add", `["EMAIL_SHA256"]`, "["+elem(id64(1), id)+"]")).want(t, c.code, "does not exist")
	}
}

func TestAFileWithBadLinesIsTakenInPartWhereSwitchedOn(t *testing.T) {
	cfg := quiet()
	cfg.TakeBadLines = true
	s := New(cfg)
	path := datum(t, uploadCall(t, s, "a.csv", "email\n"+ids(0, 1000)+"\n", nil), "file_path")
	if got := s.Uploads()[0]; got.Lines != 1000 || got.Bad != 2 {
		t.Errorf("got %+v, want 1000 lines and 2 bad ones", got)
	}
	id := datum(t, create(t, s, path), "custom_audience_id")
	if d, msg := details(t, s, DefaultAdvertiser, id); msg != textInPart || !d.Valid {
		t.Errorf("got %+v and %q, want it usable with a note", d, msg)
	}
	table := "MAID_MD5,email_sha256\n" + id64(1)[:32] + ",\n" + id64(2)[:32] + ",nonsense\n"
	uploadCall(t, s, "a.csv", table, map[string]string{"calculate_type": "MULTIPLE_TYPES"}).want(t, 0)
	if got := s.Uploads()[1]; got.Lines != 1 || got.Bad != 1 || got.Distinct != 1 {
		t.Errorf("got %+v, want one row of two and its id alone", got)
	}
}

func TestAudiencesAreSharedWithinABusiness(t *testing.T) {
	cfg := quiet()
	cfg.Advertisers = []Advertiser{{ID: DefaultAdvertiser, Business: "b"}, {ID: "2", Name: "Second", Business: "b"}, {ID: "3", Business: "c"}}
	s := New(cfg)
	id := createFile(t, s, 1000)
	share := func(ids, with string) reply {
		return post(t, s, files+"share/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_ids":%s,"shared_advertiser_ids":%s}`, DefaultAdvertiser, ids, with))
	}
	cancel := func(advertiser, with string) reply {
		return post(t, s, files+"share/cancel/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_id":%q,"shared_advertiser_id":%q}`, advertiser, id, with))
	}
	log := func() string {
		got := send(t, s, "GET", base+files+"share/log/?advertiser_id="+DefaultAdvertiser+"&custom_audience_id="+id, "")
		got.want(t, 0)
		return string(got.Data)
	}
	mine := `["` + id + `"]`
	share(mine, `["3"]`).want(t, 40002, "Business Center")
	share(mine, `["9"]`).want(t, 40002, "Business Center")
	share(`["1"]`, `["2"]`).want(t, 40007, "does not exist")
	share(mine, `[]`).want(t, 40002, "shared_advertiser_ids: Length must be between 1 and 10.")
	share(`["1","2","3","4","5","6","7","8","9","10","11"]`, `["2"]`).want(t, 40002, "custom_audience_ids: Length must be between 1 and 10.")
	if got := log(); got != `{"list":[]}` {
		t.Errorf("got %s, want nothing shared", got)
	}
	share(mine, `["2"]`).want(t, 0)
	share(mine, `["2"]`).want(t, 0)
	if got := log(); got != `{"list":[{"custom_audience_id":"`+id+`","shared_advertiser_id":"2","shared_advertiser_name":"Second"}]}` {
		t.Errorf("got %s", got)
	}
	ours, _ := details(t, s, DefaultAdvertiser, id)
	theirs, _ := details(t, s, "2", id)
	if !ours.IsCreator || !ours.Shared || theirs.IsCreator || !theirs.Shared || theirs.Owner != DefaultAdvertiser {
		t.Errorf("got %+v and %+v, want it the first one's, shared with the second", ours, theirs)
	}
	post(t, s, files+"update/", fmt.Sprintf(`{"advertiser_id":"2","custom_audience_id":%q,"custom_audience_name":"x"}`, id)).want(t, 40001)
	cancel("2", "2").want(t, 40001)
	cancel(DefaultAdvertiser, "2").want(t, 0)
	cancel(DefaultAdvertiser, "2").want(t, 40002, "not shared")
	if got := send(t, s, "GET", base+files+"list/?advertiser_id=2", ""); !strings.Contains(got.Raw, `"list":[]`) {
		t.Errorf("got %s, want nothing left", got)
	}
}

func TestPixelsAreCountedByEventAndDay(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", web(named("Purchase", "1"), named("Purchase", "1"), named("SubmitForm", "2"), named("Mine", "3"))).want(t, 0)
	s.Advance(24 * time.Hour)
	post(t, s, "/event/track/", web(named("Purchase", "4"))).want(t, 0)
	if got := admin(t, s, "POST", "pixelevents", `{"pixel_code":"`+DefaultPixel+`","event":"Purchase","count":7,"attributed":2}`); got.Status != 200 {
		t.Fatalf("got %s", got)
	}
	if got := admin(t, s, "POST", "pixelevents", `{"pixel_code":"C","event":"Purchase","count":7}`); got.Status != 400 {
		t.Errorf("got %s, want an unknown pixel refused", got)
	}
	ask := func(advertiser, pixels, start, end string) reply {
		q := url.Values{"advertiser_id": {advertiser}, "pixel_ids": {pixels}, "date_range": {fmt.Sprintf(`{"start_date":%q,"end_date":%q}`, start, end)}}
		return send(t, s, "GET", base+"/pixel/event/stats/?"+q.Encode(), "")
	}
	id := `["` + numbered("74", 1) + `"]`
	count := func(kind, event string, total, server, browser, attributed int) string {
		return fmt.Sprintf(`{"attributed_count":%d,"browser_event_total_count":%d,%q:%q,"preview_count":0,"server_event_total_count":%d,"total_count":%d}`,
			attributed, browser, kind, event, server, total)
	}
	cases := []struct{ name, start, end, want string }{
		{"two days", "2026-03-01", "2026-03-02", count("pixel_event_type", "Lead", 1, 1, 0, 0) + "," +
			count("custom_event_type", "Mine", 1, 1, 0, 0) + "," + count("pixel_event_type", "Purchase", 9, 2, 7, 2)},
		{"the second", "2026-03-02", "2026-03-02", count("pixel_event_type", "Purchase", 8, 1, 7, 2)},
		{"a day without events", "2026-03-03", "2026-03-03", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(DefaultAdvertiser, id, c.start, c.end)
			got.want(t, 0)
			var list struct {
				List []struct {
					Statistics []map[string]any `json:"statistics"`
				} `json:"list"`
			}
			var want []map[string]any
			if json.Unmarshal(got.Data, &list) != nil || json.Unmarshal([]byte("["+c.want+"]"), &want) != nil || fmt.Sprint(list.List[0].Statistics) != fmt.Sprint(want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	ask(DefaultAdvertiser, id, "2026-03-01", "2026-03-30").want(t, 0)
	ask(DefaultAdvertiser, id, "2026-03-01", "2026-03-31").want(t, 40002, "date_range: Must be at most 30 days.")
	ask(DefaultAdvertiser, id, "2026-03-02", "2026-03-01").want(t, 40002, "date_range")
	ask(DefaultAdvertiser, id, "soon", "2026-03-01").want(t, 40002, "date_range: Not a valid date range.")
	ask(DefaultAdvertiser, `["1"]`, "2026-03-01", "2026-03-01").want(t, 40001)
	ask(DefaultAdvertiser, `[1]`, "2026-03-01", "2026-03-01").want(t, 40002, "pixel_ids: Not a valid list")
	ask("9", id, "2026-03-01", "2026-03-01").want(t, 40001)
}

func TestListsOfSourcesAreFiltered(t *testing.T) {
	cfg := quiet()
	cfg.Sources = []Source{
		{ID: "C1", Name: "Shop", Advertiser: DefaultAdvertiser}, {ID: "C2", Name: "Webshop", Advertiser: DefaultAdvertiser},
		{Kind: "crm", ID: "21", Name: "Leads", Advertiser: DefaultAdvertiser}, {Kind: "offline", ID: "31", Name: "Tills", Advertiser: DefaultAdvertiser},
	}
	s := New(cfg)
	cases := []struct{ path, want string }{
		{"/pixel/list/", "C1 C2"}, {"/pixel/list/?code=C2", "C2"}, {"/pixel/list/?pixel_id=" + numbered("74", 2), "C2"},
		{"/pixel/list/?name=shop", "C2"}, {"/pixel/list/?name=hop", "C1 C2"}, {"/pixel/list/?order_by=LATEST_CREATE", "C2 C1"},
		{"/pixel/list/?filtering=" + url.QueryEscape(`{"available_for_catalog_only":false}`), "C1 C2"},
		{"/pixel/list/?order_by=NAME", "40002"}, {"/pixel/list/?filtering=x", "40002"},
		{"/crm/list/", "21"}, {"/crm/list/?name=Leads", "21"}, {"/crm/list/?name=Lead", ""}, {"/crm/list/?name=", "40002"},
		{"/crm/list/?event_set_ids=" + url.QueryEscape(`["22"]`), ""}, {"/offline/get/?event_set_ids=" + url.QueryEscape(`["31"]`), "31"},
	}
	for _, c := range cases {
		path, query, _ := strings.Cut(c.path, "?")
		got := send(t, s, "GET", base+path+"?advertiser_id="+DefaultAdvertiser+"&"+query, "")
		if got.Code != 0 {
			if fmt.Sprint(got.Code) != c.want {
				t.Errorf("%s: got %s, want %s", c.path, got, c.want)
			}
			continue
		}
		var data struct {
			Pixels  []map[string]any `json:"pixels"`
			CRM     []map[string]any `json:"crm_event_sets"`
			Offline []map[string]any `json:"event_set_list"`
		}
		if err := json.Unmarshal(got.Data, &data); err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, p := range data.Pixels {
			codes = append(codes, p["pixel_code"].(string))
		}
		for _, set := range append(data.CRM, data.Offline...) {
			codes = append(codes, set["event_set_id"].(string))
		}
		if strings.Join(codes, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.path, codes, c.want)
		}
	}
}

func TestOrdersAreRefusedInWordsOfOurOwn(t *testing.T) {
	cases := []struct{ path, body, want string }{
		{"faults", `{"kode":1}`, `read order: field "kode" is not known; its fields are: name, endpoint, stage, skip,`},
		{"faults", `{"code":"x"}`, `read order: field "code" has a value of another type; its fields are: name,`},
		{"faults", `{`, `read order: the body is not JSON; its fields are: name,`},
		{"faults", `{"delay":"soon"}`, `add fault: delay must be a duration such as 500ms`},
		{"faults", `{"stage":"during"}`, `add fault: stage must be "before" or "after"`},
		{"clock", `{"advance":"soon"}`, `advance clock: advance must be a duration such as 24h`},
		{"reset", `{"x":1}`, `read order: field "x" is not known; it has no fields`},
		{"audiences/1", `{"note":"x"}`, `change audience: there is none with this id; GET /sandbox/state lists them`},
		{"audiences/1", `{"expires":"soon"}`, `read order: a value is not of its field's form; its fields are: is_creator, shared_with, expires, note`},
		{"tokens/revoke", `{"token":"x"}`, `revoke token: token is not a valid one; all: true revokes every one`},
	}
	for _, c := range cases {
		got := admin(t, New(quiet()), "POST", c.path, c.body)
		var answer struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal([]byte(got.Raw), &answer); err != nil || got.Status != 400 || !strings.HasPrefix(answer.Error, c.want) {
			t.Errorf("%s %s: got %s, want %s", c.path, c.body, got, c.want)
		}
		for _, foreign := range []string{"json:", "strconv", "parsing time", "time:", "invalid character", "EOF", "Go "} {
			if strings.Contains(got.Raw, foreign) {
				t.Errorf("%s %s: got %s, with %q of Go's own", c.path, c.body, got, foreign)
			}
		}
	}
}
