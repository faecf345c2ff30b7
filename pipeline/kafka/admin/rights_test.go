package admin

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func allow(resource kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
}

func TestRightsAreWhatTheBrokerGrants(t *testing.T) {
	t.Parallel()
	topic, group := kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	cluster := newCluster(t, 1, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "closed", "described"),
		kfake.User("PLAIN", "relay", "secret",
			allow(topic, testTopic, kmsg.ACLOperationRead), allow(topic, testTopic, kmsg.ACLOperationDescribeConfigs),
			allow(topic, "described", kmsg.ACLOperationDescribe), allow(group, testGroup, kmsg.ACLOperationRead)))
	cfg := configFor(cluster)
	cfg.SASL = &kafka.SASL{Mechanism: "PLAIN", Username: "relay", Password: settings.Secret("secret")}
	a := newClient(t, cfg)
	topics, err := a.TopicRights(t.Context(), testTopic, "closed", "described")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		topic string
		right Right
		want  bool
	}{
		{testTopic, RightRead, true}, {testTopic, RightDescribe, true}, {testTopic, RightDescribeConfigs, true}, {testTopic, RightWrite, false},
		{"described", RightDescribe, true}, {"described", RightRead, false},
		{"closed", RightDescribe, false}, {"closed", RightRead, false},
	} {
		if got := topics[c.topic].Has(c.right); got != c.want {
			t.Errorf("%s on %s: got %v, want %v", c.right, c.topic, got, c.want)
		}
	}
	for name, want := range map[string]bool{testGroup: true, "others": false} {
		r, err := a.GroupRights(t.Context(), name)
		if err != nil || r.Has(RightRead) != want {
			t.Errorf("group %s: got %v and %v, want %v", name, r.Has(RightRead), err, want)
		}
	}
}

func TestWithoutAccessControlEverythingIsAllowed(t *testing.T) {
	t.Parallel()
	a := newClient(t, configFor(newCluster(t, 1)))
	topics, err := a.TopicRights(t.Context(), testTopic, "nowhere")
	if err != nil || !topics[testTopic].Has(RightWrite) {
		t.Errorf("got %+v and %v, want every right", topics, err)
	}
	if _, there := topics["nowhere"]; there {
		t.Error("a topic that does not exist has rights")
	}
	if r, err := a.GroupRights(t.Context(), "nobody"); err != nil || !r.Has(RightRead) {
		t.Errorf("got %+v and %v, want every right", r, err)
	}
}

// Kafka says neither what it refuses nor which right is missing, and kadm drops the name of the topic.
func TestARefusalNamesWhatIsRefusedAndTheRightThatIsMissing(t *testing.T) {
	t.Parallel()
	topic, group := kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	cluster := newCluster(t, 1, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "closed", "described", "read"),
		kfake.User("PLAIN", "relay", "secret", allow(topic, "described", kmsg.ACLOperationDescribe), allow(topic, "read", kmsg.ACLOperationRead),
			allow(topic, "new", kmsg.ACLOperationDescribe), allow(group, "described", kmsg.ACLOperationDescribe)))
	cfg := configFor(cluster)
	cfg.SASL = &kafka.SASL{Mechanism: "PLAIN", Username: "relay", Password: settings.Secret("secret")}
	a := newClient(t, cfg)
	for want, ask := range map[string]func() error{
		"grant Describe on topic closed": func() error { _, err := a.Topics(t.Context(), "described", "closed", "read"); return err },
		"list offsets: TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]: grant Describe on topic closed": func() error { _, err := a.Ends(t.Context(), "read", "closed"); return err },
		"grant Read on topic described": func() error {
			return a.Scan(t.Context(), Range{To: Offsets{"described": {0: 1}}}, func(*pipeline.Record) error { return nil })
		},
		"grant Describe on group closed": func() error { _, err := a.Committed(t.Context(), "closed"); return err },
		"grant Read on group described":  func() error { return a.SetOffsets(t.Context(), "described", Offsets{"read": {0: 0}}) },
		"grant Create on topic new":      func() error { _, err := a.EnsureTopics(t.Context(), true, Wanted{Name: "new"}); return err },
		"grant Delete on topic read":     func() error { return a.DeleteRecords(t.Context(), Range{To: Offsets{"read": {0: 0}}}) },
		"grant Write on topic read": func() error {
			p := kafka.NewProducer(cfg, "letters", nil, nil)
			defer p.Close()
			return p.Produce(t.Context(), []pipeline.Record{{Topic: "read"}})[0]
		},
	} {
		if err := ask(); err == nil || !kafka.Denied(err) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "grant ") != 1 {
			t.Errorf("got %v, want a refusal with %q", err, want)
		}
	}
}
