package admin

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/settings"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
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
