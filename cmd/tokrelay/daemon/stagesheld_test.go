package daemon

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tokrelay/tokrelay/pipeline"
)

// held waits until the sync is held by trouble that says all of that, and expects that TikTok has no member.
func (p *pair) held(sync string, kind pipeline.TroubleKind, says ...string) {
	p.Helper()
	await(p.T, "the sync to be held", func() bool {
		for _, t := range p.d.Wiring.Status.Troubles(sync) {
			if t.Kind == kind && t.Stop {
				for _, text := range says {
					if !strings.Contains(t.What, text) {
						p.Errorf("got %q, want it to say %q", t.What, text)
					}
				}
				return true
			}
		}
		return false
	})
	for _, a := range p.tiktok.Audiences() {
		if a.Members > 0 {
			p.Errorf("TikTok has %d members, want none", a.Members)
		}
	}
}

// The number of partitions says where a row and its digests are remembered: topics of one audience that differ hold its sync.
func TestTopicsOfAnAudienceThatDifferInPartitionsHoldItsSync(t *testing.T) {
	t.Parallel()
	const prefix = "shop.audience.7100000000000000001" // of the sandbox's first
	for which, parts := range map[string]map[string]int32{
		"members": {"rows": 4, "members": 3, "claims": 4},
		"claims":  {"rows": 4, "members": 4, "claims": 12},
	} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			for name, n := range parts {
				policy := map[string]string{"cleanup.policy": "compact"}
				if name == "rows" {
					policy = map[string]string{"retention.ms": "-1"}
				}
				if err := p.cluster.CreateTopic(prefix+"."+name, n, policy); err != nil {
					t.Fatal(err)
				}
			}
			p.begin(onlyWeb())
			p.row("web", "1", "ada@example.com")
			p.held("web", pipeline.TroubleState, "topic "+prefix+"."+which+" has ", " partitions and topic "+prefix+".rows has 4:", "delete the three topics and run tokrelay resync --sync web")
		})
	}
}

// A topic that was made by hand may take too little: rows would come again for ever.
func TestATopicOfAnAudienceThatTakesTooLittleHoldsItsSyncUntilItTakesMore(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const claims = "shop.audience.7100000000000000001.claims"
	if err := p.cluster.CreateTopic(claims, 12, map[string]string{"cleanup.policy": "compact", "max.message.bytes": "100000"}); err != nil {
		t.Fatal(err)
	}
	p.begin(onlyWeb())
	p.row("web", "1", "ada@example.com")
	p.held("web", pipeline.TroubleState, "topic "+claims+" takes at most 100000 bytes at once", "set its max.message.bytes to 1048576 or more")
	enough := "1048576"
	if _, err := kadm.NewClient(p.client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &enough}}, claims); err != nil {
		t.Fatal(err)
	}
	p.members(1)
}

// Brokers, or services that speak Kafka's language, may have no transactions: then no audience can be streamed to.
func TestABrokerWithoutTransactionsHoldsStreamedAudiences(t *testing.T) {
	t.Parallel()
	lacks := func(key kmsg.Key) *kversion.Versions {
		versions := kversion.V4_0_0()
		versions.SetMaxKeyVersion(int16(key), -1)
		return versions
	}
	for name, versions := range map[string]*kversion.Versions{"no offsets": lacks(kmsg.TxnOffsetCommit), "no end": lacks(kmsg.EndTxn), "2.4": kversion.V2_4_0()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, kfake.MaxVersions(versions))
			p.begin(onlyWeb())
			p.row("web", "1", "ada@example.com")
			p.held("web", pipeline.TroubleKafka, "audiences are streamed with Kafka's transactions, and broker 0 has none that are new enough: they need Kafka 2.5 or later")
		})
	}
}
