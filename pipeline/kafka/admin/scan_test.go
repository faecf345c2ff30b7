package admin

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// produceMixed writes batches of every compression, with and without keys, values and headers.
func produceMixed(t *testing.T, addresses []string, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec))
		if err != nil {
			t.Fatal(err)
		}
		var records []*kgo.Record
		for range 1 + random.IntN(300) {
			records = append(records, mixedRecord(random))
		}
		if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
}

func mixedRecord(random *rand.Rand) *kgo.Record {
	r := &kgo.Record{Topic: testTopic, Partition: random.Int32N(3), Timestamp: time.UnixMilli(1_700_000_000_000 + random.Int64N(1e9))}
	if random.IntN(3) > 0 {
		r.Key = []byte(strings.Repeat("k", random.IntN(5)))
	}
	if random.IntN(4) > 0 {
		r.Value = []byte(strings.Repeat("value ", random.IntN(100)))
	}
	for i := range random.IntN(30) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: fmt.Sprint("header.", i), Value: fmt.Append(nil, random.Uint64())})
	}
	return r
}

func TestAScanReadsWhatReadReads(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 3)
	a := newClient(t, configFor(cluster))
	for _, seed := range []uint64{1, 2, 3} {
		produceMixed(t, cluster.ListenAddrs(), seed)
	}
	ends, err := a.Ends(t.Context(), testTopic)
	if err != nil {
		t.Fatal(err)
	}
	ends.Set(testTopic, 1, ends[testTopic][1]-7) // amid a batch
	r := Range{From: Offsets{testTopic: {0: 5}}, To: ends}
	read, scanned := map[string]pipeline.Record{}, 0
	if err := a.Read(t.Context(), r, func(r *pipeline.Record) error { read[r.Position()] = *r; return nil }); err != nil {
		t.Fatal(err)
	}
	err = a.Scan(t.Context(), r, func(r *pipeline.Record) error {
		scanned++
		want := read[r.Position()]
		if len(r.Headers) == 0 && len(want.Headers) == 0 {
			r.Headers, want.Headers = nil, nil
		}
		if !reflect.DeepEqual(*r, want) {
			t.Errorf("%s: the scanned record is another one than the one read", r.Position())
		}
		return nil
	})
	if err != nil || scanned != len(read) || scanned < 100 {
		t.Errorf("scanned %d records, want the %d that Read gives; error %v", scanned, len(read), err)
	}
}

func TestAScanCanBeStopped(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	a := newClient(t, configFor(cluster))
	produceTo(t, cluster, testTopic, 0, 50)
	seen := 0
	err := a.Scan(t.Context(), Range{To: Offsets{testTopic: {0: 50}}}, func(*pipeline.Record) error {
		if seen++; seen == 10 {
			return ErrStop
		}
		return nil
	})
	if err != nil || seen != 10 {
		t.Errorf("saw %d records and error %v, want 10 and none", seen, err)
	}
}

func TestAScanOfADamagedBatchNamesIt(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	a := newClient(t, configFor(cluster))
	produceTo(t, cluster, testTopic, 0, 50)
	rd := &reader{admin: a, unpack: kgo.DefaultDecompressor(), lend: &loan{}, each: func(*pipeline.Record) error { return nil }}
	s := &span{topic: testTopic, end: 50}
	part := fetchOnce(t, a, s)
	for _, c := range []struct {
		name  string
		spoil func(b []byte) []byte
		want  string
	}{
		{"a flipped bit", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "damaged"},
		{"a batch cut off comes again", func(b []byte) []byte { return b[:len(b)-3] }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := part
			p.RecordBatches = c.spoil(append([]byte(nil), part.RecordBatches...))
			s.at = 0
			err := rd.scan(s, &p) // earlier batches, if the producer made several, are read
			if s.at == 50 || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("stands at %d with error %v, want it before the end and an error with %q", s.at, err, c.want)
			}
		})
	}
}

// fetchOnce gives one partition's part of a broker's answer.
func fetchOnce(t *testing.T, a *Client, s *span) kmsg.FetchResponseTopicPartition {
	t.Helper()
	rd := &reader{admin: a}
	s.leaderless = true
	if err := rd.findLeaders(t.Context(), []*span{s}); err != nil {
		t.Fatal(err)
	}
	answer, err := a.client.Broker(int(s.leader)).RetriableRequest(t.Context(), rd.request([]*span{s}))
	if err != nil {
		t.Fatal(err)
	}
	return answer.(*kmsg.FetchResponse).Topics[0].Partitions[0]
}

func FuzzScan(f *testing.F) {
	f.Add(make([]byte, 81))
	f.Fuzz(func(t *testing.T, batches []byte) {
		rd := &reader{admin: &Client{}, unpack: kgo.DefaultDecompressor(), lend: &loan{}, each: func(*pipeline.Record) error { return nil }}
		p := kmsg.FetchResponseTopicPartition{RecordBatches: batches}
		if rd.lend.readable(&p) {
			_ = rd.scan(&span{end: 1 << 40}, &p) // must end, and not panic
		}
	})
}
