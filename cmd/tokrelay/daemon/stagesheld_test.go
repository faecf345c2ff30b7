package daemon

import (
	"strings"
	"testing"

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

// Brokers, or services that speak Kafka's language, may have no transactions: then no audience can be streamed to.
func TestABrokerWithoutTransactionsHoldsStreamedAudiences(t *testing.T) {
	t.Parallel()
	for _, lacks := range []kmsg.Key{kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(lacks.Name(), func(t *testing.T) {
			t.Parallel()
			versions := kversion.V4_0_0()
			versions.SetMaxKeyVersion(int16(lacks), -1)
			p := newPair(t, kfake.MaxVersions(versions))
			p.begin(onlyWeb())
			p.row("web", "1", "ada@example.com")
			p.held("web", pipeline.TroubleKafka, "audiences are streamed with Kafka's transactions, and broker 0 has none: they need Kafka 0.11 or later")
		})
	}
}
