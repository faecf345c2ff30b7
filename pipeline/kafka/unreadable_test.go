package kafka

import (
	"bytes"
	"context"
	"hash/crc32"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// rawBatch is a record batch of `rows` records whose bytes are what is given, whatever they are; its checksum is right.
func rawBatch(rows int32, codec kgo.CompressionCodecType, payload []byte) []byte {
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, Attributes: int16(codec), LastOffsetDelta: rows - 1, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: rows, Records: payload}
	raw := b.AppendTo(nil)
	b.Length = int32(len(raw) - 12)
	raw = b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

// swollen is a batch of one record with a value of size zeros, compressed to next to nothing.
func swollen(t *testing.T, codec kgo.CompressionCodec, kind kgo.CompressionCodecType, size int) []byte {
	t.Helper()
	r := kmsg.Record{Value: make([]byte, size)}
	r.Length = int32(len(r.AppendTo(nil)) - 1)
	c, err := kgo.DefaultCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	packed, used := c.Compress(new(bytes.Buffer), r.AppendTo(nil))
	if used != kind || len(packed) > size/10 {
		t.Fatalf("%d bytes were packed into %d by codec %d", size, len(packed), used)
	}
	return rawBatch(1, kind, packed)
}

func produceRaw(t *testing.T, cluster *kfake.Cluster, partition int32, batch []byte) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.Version = -1, 5000, 9
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = testTopic, cluster.TopicInfo(testTopic).TopicID
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, batch
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	answer, err := client.Broker(0).RetriableRequest(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}

const megabyte = 1 << 20

func TestABatchThatCannotBeReadHoldsItsPartitionAndSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		batch func(t *testing.T) []byte
		want  string // part of what the status says
	}{
		{"zstd that unpacks to too much", func(t *testing.T) []byte { return swollen(t, kgo.ZstdCompression(), kgo.CodecZstd, 9*megabyte) }, "raise kafka.max_batch_bytes"},
		{"gzip that unpacks to too much", func(t *testing.T) []byte { return swollen(t, kgo.GzipCompression(), kgo.CodecGzip, 9*megabyte) }, "raise kafka.max_batch_bytes"},
		{"snappy that unpacks to too much", func(t *testing.T) []byte { return swollen(t, kgo.SnappyCompression(), kgo.CodecSnappy, 9*megabyte) }, "raise kafka.max_batch_bytes"},
		{"lz4 that unpacks to too much", func(t *testing.T) []byte { return swollen(t, kgo.Lz4Compression(), kgo.CodecLz4, 9*megabyte) }, "raise kafka.max_batch_bytes"},
		{"bytes that cannot be unpacked", func(*testing.T) []byte { return rawBatch(3, kgo.CodecZstd, []byte("this is not zstd")) }, "repair the topic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 2)
			produceTo(t, cluster, testTopic, 0, 10)
			produceRaw(t, cluster, 0, c.batch(t))
			produceTo(t, cluster, testTopic, 0, 10)
			status, b := pipeline.NewStatus(time.Now), newBook(t, cluster)
			m := join(t, cluster, b.settleAll, func(cfg *Config, o *ConsumerOptions) { o.Status, cfg.MaxBatchBytes = status, 8*megabyte })
			eventually(t, "the status shows it", func() bool { return len(status.Troubles("orders")) > 0 })
			produceTo(t, cluster, testTopic, 1, 30)
			reached(t, b, 40)
			troubles := status.Troubles("orders")
			if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleBatch || !troubles[0].Stop {
				t.Fatalf("status: got %v, want one batch that cannot be read", troubles)
			}
			for _, want := range []string{"offsets 10 to ", "shop.orders/0", c.want, "tokrelay skip --sync orders --topic shop.orders --partition 0 --offset 10"} {
				if !strings.Contains(troubles[0].What, want) {
					t.Errorf("the status says %q, want %q in it", troubles[0].What, want)
				}
			}
			m.leave(t)
			if got := committed(cluster, testTopic, 0); got != 10 {
				t.Errorf("committed %d, want 10: everything before the batch, and nothing of it", got)
			}
			if left := status.Troubles("orders"); len(left) != 0 {
				t.Errorf("status of an instance that gave the partition up: got %v, want nothing", left)
			}
		})
	}
}

// TestABatchOfDamagedRecordsWithARightChecksumIsFound: franz-go gives no error for it.
func TestABatchOfDamagedRecordsWithARightChecksumIsFound(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	produceRaw(t, cluster, 0, rawBatch(3, kgo.CodecNone, []byte("these are not records")))
	status, b := pipeline.NewStatus(time.Now), newBook(t, cluster)
	m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Status = status })
	reached(t, b, 10)
	eventually(t, "the status names the batch", func() bool {
		m.askEnds(t.Context(), time.Now())
		return slices.ContainsFunc(status.Troubles("orders"), func(t pipeline.TroubleSince) bool {
			return t.Kind == pipeline.TroubleBatch && strings.Contains(t.What, "offsets 10 to 12 of shop.orders/0") && strings.Contains(t.What, "tokrelay skip")
		})
	})
	m.leave(t)
}

// bitRot flips a bit behind a mark in what the broker sends, as long as it is on.
type bitRot struct {
	net.Conn
	on *atomic.Bool
}

func (c bitRot) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if at := bytes.Index(b[:n], []byte("mark")); at >= 0 && c.on.Load() {
		b[at] ^= 1
	}
	return n, err
}

func TestADamagedBatchIsReadOnceItIsWhole(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: testTopic, Value: []byte("mark")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var rots atomic.Bool
	rots.Store(true)
	status, b := pipeline.NewStatus(time.Now), newBook(t, cluster)
	m := join(t, cluster, b.settleAll, func(cfg *Config, o *ConsumerOptions) {
		o.Status = status
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return bitRot{conn, &rots}, err
		}
	})
	isShown := func() bool {
		return slices.ContainsFunc(status.Troubles("orders"), func(t pipeline.TroubleSince) bool { // a slow look at the batch leaves another one for half a minute
			return t.Kind == pipeline.TroubleBatch && strings.Contains(t.What, "offsets 0 to 0 of shop.orders/0")
		})
	}
	eventually(t, "the status shows it", isShown)
	rots.Store(false)
	p := m.part(testTopic, 0)
	p.mu.Lock()
	p.lookAgain = time.Now() // half a minute has passed
	p.mu.Unlock()
	reached(t, b, 1)
	eventually(t, "the status shows it no more", func() bool { return !isShown() })
	m.leave(t)
}

// A look that takes long finds a batch damaged that was read in the meantime: nothing is held for it.
func TestABatchThatWasReadWhileItWasLookedAtHoldsNothing(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	status, b := pipeline.NewStatus(time.Now), newBook(t, cluster)
	m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Status = status })
	reached(t, b, 10)
	late := &kgo.ErrDecompressTooLarge{Offset: 5, NextOffset: 8}
	if !m.unreadable(testTopic, 0, late) {
		t.Fatal("the failure is not one of a batch")
	}
	if troubles := status.Troubles("orders"); len(troubles) > 0 || m.part(testTopic, 0).waits(time.Now()) {
		t.Errorf("got %v, want nothing held", troubles)
	}
	produceTo(t, cluster, testTopic, 0, 3)
	reached(t, b, 13)
	m.leave(t)
}

func TestABatchIsDescribedByItsHeaderWhateverIsInIt(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	cfg := configFor(cluster)
	cfg.MaxBatchBytes = 8 * megabyte
	client := newClient(t, cfg)
	produceTo(t, cluster, testTopic, 0, 4)
	produceRaw(t, cluster, 0, rawBatch(3, kgo.CodecGzip, []byte("this is not gzip")))
	produceRaw(t, cluster, 0, rawBatch(2, kgo.CodecNone, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))
	for _, c := range []struct {
		name            string
		at, first, last int64
		rows, read      int
		fault           bool
	}{
		{"a good one, from its middle", 2, 0, 3, 4, 2, false},
		{"one that cannot be unpacked", 5, 4, 6, 3, 0, true},
		{"one whose records are damaged", 7, 7, 8, 2, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := cfg.BatchAt(t.Context(), client, testTopic, 0, c.at)
			if err != nil || b == nil {
				t.Fatalf("got %v and error %v", b, err)
			}
			if b.First != c.first || b.Last != c.last || b.Rows != c.rows || len(b.Records) != c.read || (b.Fault != nil) != c.fault {
				t.Errorf("got %d to %d, %d rows, %d read, fault %v", b.First, b.Last, b.Rows, len(b.Records), b.Fault)
			}
		})
	}
	if b, err := cfg.BatchAt(t.Context(), client, testTopic, 0, 9); err != nil || b != nil {
		t.Errorf("at the end: got %v and error %v, want nothing", b, err)
	}
}
