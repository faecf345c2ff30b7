package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// checked are the findings of a configuration against a cluster.
func checked(t *testing.T, cluster *kfake.Cluster, text string, tiktok *sandbox.Sandbox) []Finding {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	c, report := Parse([]byte(text), settings.Vars(map[string]string{
		"BROKER": cluster.ListenAddrs()[0], "PASSWORD": "relay", "TOKEN": sandbox.DefaultToken, "TIKTOK": server.URL}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	var list []Finding
	if err := CheckOnline(t.Context(), c, Options{}, func(f Finding) { list = append(list, f) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// wantFinding looks for one; what begins with a minus must not be said.
func wantFinding(t *testing.T, list []Finding, state, what, says, cure string) {
	t.Helper()
	for _, f := range list {
		if f.What == what && f.State == state && strings.Contains(f.Says, says) && strings.Contains(f.Cure, cure) {
			return
		}
	}
	t.Errorf("no %s of %s that says %q and %q in\n%+v", state, what, says, cure, list)
}

func TestMissingRightsAreNamedAsCommands(t *testing.T) {
	cluster, _ := guarded(t)
	list := checked(t, cluster, guardedConfig, sandbox.New(sandbox.Config{}))
	wantFinding(t, list, FindingWarn, "topic open", "may not see its settings", "--operation DescribeConfigs --topic open")
	wantFinding(t, list, FindingFail, "topic closed", "may not read it", "--add --allow-principal 'User:relay' --operation Read --topic closed")
	wantFinding(t, list, FindingWarn, "topic tokrelay.rejected", "if this client may create", "--operation Create --topic tokrelay.rejected")
	wantFinding(t, list, FindingFail, "topic tokrelay.state", "nor see whether it is there", "--operation Read --operation Write --operation Create --operation DescribeConfigs --topic tokrelay.state")
	wantFinding(t, list, FindingOK, "group tokrelay.open", "may be used", "")
	wantFinding(t, list, FindingOK, "audience Newsletter", "sync newsletter makes it", "")
	said := map[Finding]bool{}
	for _, f := range list {
		if said[f] {
			t.Errorf("said twice: %+v", f)
		}
		said[f] = true
	}
}

func TestANewClusterIsGivenTimeForItsFirstGroup(t *testing.T) {
	for name, test := range map[string]struct {
		refusals int
		want     string
	}{"that it needs": {2, FindingOK}, "and then warned of": {1 << 30, FindingWarn}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "open"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			left := test.refusals
			cluster.ControlKey(int16(kmsg.DescribeGroups), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if left == 0 {
					return nil, nil, false
				}
				left--
				answer := kmsg.NewPtrDescribeGroupsResponse()
				answer.SetVersion(req.GetVersion())
				for _, group := range req.(*kmsg.DescribeGroupsRequest).Groups {
					g := kmsg.NewDescribeGroupsResponseGroup()
					g.Group, g.ErrorCode = group, kerr.CoordinatorNotAvailable.Code
					answer.Groups = append(answer.Groups, g)
				}
				return answer, nil, true
			})
			list := checked(t, cluster, `
kafka: {brokers: ["${BROKER}"]}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
syncs: [{name: open, topic: open, framing: json, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
  fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}]
`, sandbox.New(sandbox.Config{}))
			wantFinding(t, list, test.want, "group tokrelay.open", "", "")
			for _, f := range list {
				if f.State == FindingFail {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
