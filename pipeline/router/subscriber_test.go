package router_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestTheSubscriberKeepsWatermillsContract runs Watermill's own suite on Subscriber over kafka's Consumer with chunks of
// one. The suite wants payloads where we carry chunks, and a publisher that writes to Kafka where ours delivers, so both
// are dressed up for it; what is tested is the Subscriber: acks, nacks, order, closing, restarting. Left out are the
// suite's cases for several subscribers of one group in one process, for subscribers without a group, and for message
// contexts that end with their subscription: ours outlive it, so that chunks in flight can settle.
func TestTheSubscriberKeepsWatermillsContract(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		pub := newLogPublisher(t, cluster)
		return pub, &dressed{cluster: cluster, group: group, closing: make(chan struct{})}
	}
	features := tests.Features{ConsumerGroups: true, GuaranteedOrder: true, Persistent: true, ForceShort: true}
	suite := []struct {
		name string
		run  func(*testing.T, tests.TestContext, tests.PubSubConstructor)
	}{
		{"publish and subscribe", tests.TestPublishSubscribe},
		{"resend on nack", tests.TestResendOnError},
		{"no ack, no next", tests.TestNoAck},
		{"continue after close", tests.TestContinueAfterSubscribeClose},
		{"continue after errors", tests.TestContinueAfterErrors},
		{"in order", tests.TestPublishSubscribeInOrder},
		{"topics apart", tests.TestTopic},
		{"subscribe context", tests.TestSubscribeCtx},
	}
	for _, s := range suite {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, func(t *testing.T) (message.Publisher, message.Subscriber) {
				return inGroup(t, "suite")
			})
		})
	}
	t.Run("consumer groups", func(t *testing.T) {
		t.Parallel()
		tests.TestConsumerGroups(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, inGroup)
	})
}

// logPublisher writes messages to Kafka with their ids and metadata as headers.
type logPublisher struct{ client *kgo.Client }

func newLogPublisher(t *testing.T, c *kfake.Cluster) *logPublisher {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	return &logPublisher{client}
}

func (p *logPublisher) Publish(topic string, messages ...*message.Message) error {
	var records []*kgo.Record
	for _, m := range messages {
		r := &kgo.Record{Topic: topic, Value: m.Payload, Headers: []kgo.RecordHeader{{Key: "uuid", Value: []byte(m.UUID)}}}
		for k, v := range m.Metadata {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
		}
		records = append(records, r)
	}
	return p.client.ProduceSync(context.Background(), records...).FirstErr()
}

func (p *logPublisher) Close() error {
	p.client.Close()
	return nil
}

// dressed is a Subscriber per topic, whose messages show their one record.
type dressed struct {
	cluster *kfake.Cluster
	group   string
	once    sync.Once
	closing chan struct{}
	shows   sync.WaitGroup
	subs    []*router.Subscriber
}

func (d *dressed) SubscribeInitialize(topic string) error {
	if d.cluster.TopicInfo(topic) != nil {
		return nil
	}
	return d.cluster.CreateTopic(topic, 1, nil)
}

func (d *dressed) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := d.SubscribeInitialize(topic); err != nil {
		return nil, err
	}
	consumer, err := kafka.NewConsumer(settings.WithDefaults(kafka.Config{Brokers: d.cluster.ListenAddrs()}),
		kafka.ConsumerOptions{Sync: "suite", Group: d.group + topic, Topics: []string{topic}, Start: kafka.Earliest, Window: 1, MaxChunk: 1, Drain: time.Millisecond})
	if err != nil {
		return nil, err
	}
	sub := router.NewSubscriber(consumer.Run)
	d.subs = append(d.subs, sub)
	in, err := sub.Subscribe(ctx, topic)
	out := make(chan *message.Message)
	d.shows.Go(func() { d.show(in, out) })
	return out, err
}

// show passes messages on, undressed; once it closes nobody reads them any more.
func (d *dressed) show(in <-chan *message.Message, out chan<- *message.Message) {
	defer close(out)
	for m := range in {
		undress(m)
		select {
		case out <- m:
		case <-d.closing:
			m.Nack()
		}
	}
}

func undress(m *message.Message) {
	r := router.ChunkOf(m).Records[0]
	m.Payload = r.Value
	for _, h := range r.Headers {
		m.Metadata.Set(h.Key, string(h.Value))
	}
	m.UUID = m.Metadata.Get("uuid")
	delete(m.Metadata, "uuid")
}

func (d *dressed) Close() error {
	d.once.Do(func() { close(d.closing) })
	for _, s := range d.subs {
		_ = s.Close() // what it held is read again
	}
	d.shows.Wait()
	return nil
}

// TestMessagesOfAnotherSubscriberAreChunksOfOne runs a sync's handler on Watermill's in-memory channel.
func TestMessagesOfAnotherSubscriberAreChunksOfOne(t *testing.T) {
	channel := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 10}, watermill.NopLogger{})
	sink, dead := &tiktok{rows: map[string]int{}}, &letters{rows: map[string]*pipeline.Rejection{}}
	done := make(chan struct{}, 10)
	r, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	router.AddTo(r, channel, router.Sync{Name: "orders", Topic: "orders", NewSteps: numbered, Letters: dead,
		Deliver: func(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
			defer func() { done <- struct{}{} }()
			return sink.deliver(ctx, c, items)
		}}, router.Options{})
	go r.Run(t.Context())
	<-r.Running()
	for _, n := range []int{11, 12} {
		if err := channel.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(n)))); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if sink.rows["11"] != 1 || sink.rows["12"] != 1 {
		t.Errorf("delivered %v, want 11 and 12", sink.rows)
	}
}

func TestASubscriberDrainsOnCloseAndOnTheEndOfItsContext(t *testing.T) {
	ways := []struct {
		name string
		end  func(s *router.Subscriber, cancel context.CancelFunc)
	}{
		{"closed", func(s *router.Subscriber, _ context.CancelFunc) { _ = s.Close() }},
		{"context ended", func(_ *router.Subscriber, cancel context.CancelFunc) { cancel() }},
		{"both", func(s *router.Subscriber, cancel context.CancelFunc) { cancel(); _ = s.Close() }},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			drained := make(chan struct{})
			s := router.NewSubscriber(func(ctx context.Context, offer router.Offer) error {
				handling, cancel := context.WithCancel(context.Background())
				defer cancel()
				ticket := offer(handling, pipeline.NewChunk([]pipeline.Record{{Topic: "t"}}))
				<-ctx.Done()
				<-ticket.Acked
				close(drained)
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, err := s.Subscribe(ctx, "t")
			if err != nil {
				t.Fatal(err)
			}
			m := <-out
			go way.end(s, cancel)
			if m.Context().Err() != nil {
				t.Error("the message ends with the intake")
			}
			m.Ack()
			<-drained
			if _, open := <-out; open {
				t.Error("the channel has more after the end")
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
			if _, err := s.Subscribe(t.Context(), "t"); err == nil {
				t.Error("a closed subscriber was subscribed to")
			}
		})
	}
}

func TestAnOfferThatNobodyTakesEndsWithItsContext(t *testing.T) {
	got := make(chan pipeline.Ticket, 1)
	s := router.NewSubscriber(func(_ context.Context, offer router.Offer) error {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		got <- offer(gone, pipeline.NewChunk([]pipeline.Record{{Topic: "t"}}))
		return nil
	})
	if _, err := s.Subscribe(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	if ticket := <-got; ticket.Acked != nil || ticket.Nacked != nil {
		t.Error("a chunk that was not taken has a ticket")
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
}
