package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// A source topic that was deleted is waited for; the status said nothing of it.
func TestATopicThatIsDeletedShowsInTheStatusUntilThereIsANewOne(t *testing.T) {
	t.Parallel()
	cluster, status := newCluster(t, 1), pipeline.NewStatus(time.Now)
	fetches := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	produceTo(t, cluster, testTopic, 0, 5)
	b := newBookOfRows(t)
	m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Status = status })
	reached(t, b, 5)
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	deleted := time.Now()
	eventually(t, "the status shows it", func() bool {
		all := status.Troubles("orders")
		return len(all) == 1 && strings.HasPrefix(all[0].What, "topic "+testTopic+" does not exist") && !all[0].Stop
	})
	if took := time.Since(deleted); took > 15*time.Second {
		t.Errorf("it took %s, want 15s at most", took)
	}
	before := fetches.Hits()
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 0, 4)
	eventually(t, "the new topic is read", func() bool { _, times := b.rows(); return times == 9 })
	eventually(t, "the status is clear", func() bool { return len(status.Troubles("orders")) == 0 })
	m.leave(t)
	if n := fetches.Hits() - before; n > 60 {
		t.Errorf("%d fetches until the new topic was read, want a few a second", n)
	}
}

// Kafka answers a fetch that it refuses at once. The client asked again without a pause, thousands of times a second.
func TestAFetchThatIsRefusedIsNotRepeatedWithoutAPause(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	denied := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	b := newBookOfRows(t)
	m := join(t, cluster, b.settleAll, nil)
	eventually(t, "it is refused", func() bool { return denied.Hits() > 0 })
	<-time.After(2 * time.Second)
	if n := denied.Hits(); n > 40 {
		t.Errorf("%d fetches within two seconds, want about ten a second", n)
	}
	denied.Remove()
	produceTo(t, cluster, testTopic, 0, 3)
	reached(t, b, 3)
	m.leave(t)
}
