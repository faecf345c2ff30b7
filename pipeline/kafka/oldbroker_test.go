package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestOldBrokersAreReadFromAndTakeCommits: of each version that docs/operations names. The embedded broker speaks no more
// than the version does. What commands ask of them, admin's test asks.
func TestOldBrokersAreReadFromAndTakeCommits(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string]*kversion.Versions{
		"2.1": kversion.V2_1_0(), "2.7": kversion.V2_7_0(), "2.8": kversion.V2_8_0(), "3.1": kversion.V3_1_0(), "4.0": kversion.V4_0_0(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 2, kfake.MaxVersions(versions))
			produceTo(t, cluster, testTopic, 0, 10)
			b := newBook(t, cluster)
			m := join(t, cluster, b.settleAll, nil)
			reached(t, b, 10)
			m.leave(t)
			if got := committed(cluster, testTopic, 0); got != 10 {
				t.Errorf("committed %d, want 10", got)
			}
		})
	}
}
