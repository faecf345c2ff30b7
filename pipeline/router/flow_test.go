package router_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// newCluster is a broker in this process, with one topic.
func newCluster(t *testing.T, topic string, partitions int32) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// fillTopic writes n records, numbered in their values, spread over all partitions.
func fillTopic(t *testing.T, c *kfake.Cluster, topic string, n int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// caughtUp waits until the group has committed the end of every partition.
func caughtUp(t *testing.T, c *kfake.Cluster, group, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	infos := c.PartitionInfos(topic)
	_, err := c.WaitGroupInfo(ctx, group, func(g *kfake.GroupInfo) bool {
		if g == nil {
			return false
		}
		for _, p := range infos {
			if p.HighWatermark > 0 && g.Commits[topic][p.Partition].Offset != p.HighWatermark {
				return false
			}
		}
		return true
	})
	if err != nil {
		t.Fatalf("group %s never caught up: %v; has %+v", group, err, c.GroupInfo(group))
	}
}

// tiktok settles what it is given and remembers it.
type tiktok struct {
	mu   sync.Mutex
	rows map[string]int
}

func (k *tiktok) deliver(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, item := range items.List {
		k.rows[string(items.Body(i))]++
		c.Settle(int(item.Row), pipeline.Delivered)
	}
	return nil
}

// letters remembers rejected rows.
type letters struct {
	mu   sync.Mutex
	rows map[string]*pipeline.Rejection
}

func (l *letters) Rows(_ context.Context, letters []pipeline.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, letter := range letters {
		l.rows[string(letter.Record.Value)] = letter.Rejection
	}
	return nil
}

// numbered steps skip every tenth row, reject those ending in 3, panic at those ending in 13, and make an item of the rest.
func numbered() pipeline.Steps {
	var number int
	return pipeline.Steps{
		Decode: func(_ context.Context, r *pipeline.Record, into *pipeline.Change) error {
			into.Op = pipeline.Insert
			n, err := strconv.Atoi(string(r.Value))
			number = n
			return err
		},
		Pass: func(*pipeline.Change) error {
			if number%10 == 0 {
				return pipeline.SkipFiltered
			}
			return nil
		},
		Make: func(items *pipeline.Items, row int, _ *pipeline.Change) error {
			items.Buf = append(items.Buf, "half an item"...)
			if number%100 == 13 {
				panic("a bug")
			}
			if number%10 == 3 {
				return pipeline.Reject(pipeline.StageValidate, pipeline.InvalidCurrency, "properties.currency", "listed")
			}
			start := len(items.Buf)
			items.Buf = strconv.AppendInt(items.Buf, int64(number), 10)
			items.List = append(items.List, pipeline.Item{Row: int32(row), Start: int32(start), End: int32(len(items.Buf))})
			return nil
		},
	}
}

func TestEveryRowEndsSomewhereAndTheGroupCommitsTheEnd(t *testing.T) {
	const topic, group, rows = "shop.orders", "tokrelay.orders", 20_000
	cluster := newCluster(t, topic, 4)
	fillTopic(t, cluster, topic, rows)
	consumer, err := kafka.NewConsumer(settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()}),
		kafka.ConsumerOptions{Sync: "orders", Group: group, Topics: []string{topic}, Start: kafka.Earliest, Drain: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	sink, dead := &tiktok{rows: map[string]int{}}, &letters{rows: map[string]*pipeline.Rejection{}}
	r, err := router.New(router.Options{Syncs: []router.Sync{{
		Name: "orders", Topic: topic, Source: consumer.Run, NewSteps: numbered, Letters: dead, Deliver: sink.deliver,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	caughtUp(t, cluster, group, topic)
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("Run: got %v, want nil", err)
	}
	for i := range rows {
		v := strconv.Itoa(i)
		rejection := dead.rows[v]
		switch {
		case i%10 == 0 && (sink.rows[v] != 0 || rejection != nil):
			t.Fatalf("row %d: was not skipped", i)
		case i%100 == 13 && (rejection == nil || rejection.Reason != pipeline.StepPanicked):
			t.Fatalf("row %d: got %v, want the rejection of a panic", i, rejection)
		case i%100 != 13 && i%10 == 3 && (rejection == nil || rejection.Reason != pipeline.InvalidCurrency):
			t.Fatalf("row %d: got %v, want its rejection", i, rejection)
		case i%10 != 0 && i%10 != 3 && sink.rows[v] != 1:
			t.Fatalf("row %d: delivered %d times, want once", i, sink.rows[v])
		}
	}
}
