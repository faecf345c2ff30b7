package admin

import (
	"context"
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const (
	testTopic = "shop.orders"
	testGroup = "tokrelay.orders"
)

func testNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// TestMain has many tests run at a time, unless -parallel says how many: most wait for Kafka's clocks, and each has a broker
// of its own.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// newCluster is a broker in this process.
func newCluster(t *testing.T, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, testTopic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func configFor(c *kfake.Cluster) kafka.Config {
	return settings.WithDefaults(kafka.Config{Brokers: c.ListenAddrs()})
}

func newClient(t *testing.T, cfg kafka.Config) *Client {
	t.Helper()
	a, err := New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// produceTo writes n numbered records to one partition.
func produceTo(t *testing.T, c *kfake.Cluster, topic string, partition int32, n int) {
	t.Helper()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(i))}
	}
	produce(t, c, rs...)
}

// produce writes records to the partitions they name.
func produce(t *testing.T, c *kfake.Cluster, rs ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// join has a consumer of the group hold its first chunk; what it returns has the consumer leave.
func join(t *testing.T, cfg kafka.Config) (leave func()) {
	t.Helper()
	consumer, err := kafka.NewConsumer(cfg, kafka.ConsumerOptions{Sync: "orders", Group: testGroup, Topics: []string{testTopic}, Start: kafka.Earliest})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	chunks, ended := make(chan *pipeline.Chunk), make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(handling context.Context, c *pipeline.Chunk) pipeline.Ticket {
			select {
			case chunks <- c:
			case <-handling.Done():
			}
			return pipeline.Ticket{Acked: make(chan struct{}), Nacked: make(chan struct{})}
		})
	}()
	<-chunks
	return func() { stop(); <-ended }
}
