package check

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// checked are the findings of a configuration against a cluster.
func checked(t *testing.T, cluster *kfake.Cluster, text string, tiktok *sandbox.Sandbox) []Finding {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	c, report := daemon.Parse([]byte(text), settings.Vars(map[string]string{
		"BROKER": cluster.ListenAddrs()[0], "PASSWORD": "relay", "TOKEN": sandbox.DefaultToken, "TIKTOK": server.URL}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	var list []Finding
	if err := Run(t.Context(), c, nil, func(f Finding) { list = append(list, f) }); err != nil {
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

func TestANewClusterIsGivenTimeForItsFirstGroup(t *testing.T) {
	for name, test := range map[string]struct {
		refusals int
		want     string
	}{"that it needs": {2, OK}, "and then warned of": {1 << 30, Warn}} {
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
				if f.State == Fail {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

const leadsConfig = `
kafka: {brokers: ["${BROKER}"]}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
dead_letter: {replication: 2}
syncs: [{name: open, topic: open, framing: json, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
  fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}]
`

func TestBrokersWithoutTopicIDsAreWarnedOf(t *testing.T) {
	for name, test := range map[string]struct {
		versions *kversion.Versions
		warned   bool
	}{"2.7": {kversion.V2_7_0(), true}, "2.8": {kversion.V2_8_0(), false}} {
		t.Run(name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(1, "open"), kfake.MaxVersions(test.versions))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			list := checked(t, cluster, leadsConfig, sandbox.New(sandbox.Config{}))
			if test.warned {
				wantFinding(t, list, Warn, "brokers", "give topics no ids", "tokrelay resync --sync NAME")
			}
			for _, f := range list {
				if f.State == Fail || !test.warned && f.State == Warn && f.What == "brokers" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestReplicasThatTheClusterDoesNotHaveAreFound(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "open", "tokrelay.failed"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	list := checked(t, cluster, leadsConfig, sandbox.New(sandbox.Config{}))
	wantFinding(t, list, Fail, "topic tokrelay.rejected", "cannot be made with 2 replicas: the cluster has 1 broker(s)", "dead_letter.replication")
}

func TestATopicOfAStreamedAudienceThatIsReadNoMoreIsFound(t *testing.T) {
	const config = `
kafka: {brokers: ["${BROKER}"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
dead_letter: {replication: 1}
syncs:
  - {name: newsletter, topic: eu.customers, framing: json, audience_segment: {audience: {name: Newsletter}, identifiers: {EMAIL_SHA256: email}}}
  - {name: fast, topic: eu.customers, framing: json, before_image: full, audience_segment: {audience: {name: Fast}, identifiers: {EMAIL_SHA256: email}}}
`
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "shop.customers", "eu.customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	client, err := admin.New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for group, topic := range map[string]string{"tokrelay.newsletter": "shop.customers", "tokrelay.fast": "shop.customers"} {
		at := admin.Offsets{}
		at.Set(topic, 0, 0)
		if err := client.SetOffsets(t.Context(), group, at); err != nil {
			t.Fatal(err)
		}
	}
	kadmClient, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kadmClient.Close)
	policy := "compact"
	if _, err := kadm.NewClient(kadmClient).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "cleanup.policy", Value: &policy}}, "eu.customers"); err != nil {
		t.Fatal(err)
	}
	list := checked(t, cluster, config, sandbox.New(sandbox.Config{}))
	wantFinding(t, list, Warn, "topic shop.customers", "reads it no more", "tokrelay resync --sync newsletter")
	wantFinding(t, list, Warn, "topic shop.customers", "reads it no more", "tokrelay resync --sync fast")
}
