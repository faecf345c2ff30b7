package admin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// The law: a read to recorded ends gives every record that a reader may see before them, each once and in its order, or
// says which offsets are gone, or errs. What was produced is written down while it is produced; nothing here knows how it
// is read.

// produced is what one partition was given.
type produced struct {
	visible []int64 // offsets of records that no transaction took back
	newest  map[string]int64
}

// scenario is a topic of random history.
type scenario struct {
	t       *testing.T
	cluster *kfake.Cluster
	random  *rand.Rand
	plain   *kgo.Client
	parts   []produced
}

// Records and answers in the proportion of a large record to readMaxBytes, but small: the race detector reads every byte.
const (
	largeRecord  = 75 << 10
	smallAnswers = 1 << 20
)

// newScenario makes a topic whose partitions share one or two leaders. Compaction and aborted transactions are kept
// apart: the embedded broker loses what the producer of an aborted transaction commits after a compaction.
func newScenario(t *testing.T, seed uint64, compacted bool) *scenario {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 14))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1 + random.IntN(2)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	configs := map[string]*string{}
	if compacted {
		set := func(key, value string) { configs[key] = &value }
		set("cleanup.policy", "compact")
		set("segment.bytes", strconv.Itoa(1<<17))
		set("min.cleanable.dirty.ratio", "0")
	}
	parts := 5 + random.IntN(4)
	s := &scenario{t: t, cluster: cluster, random: random, parts: make([]produced, parts)}
	s.plain = s.client()
	if _, err := kadm.NewClient(s.plain).CreateTopic(t.Context(), int32(parts), 1, configs, testTopic); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scenario) admin() *Client {
	s.t.Helper()
	a := newClient(s.t, configFor(s.cluster))
	a.mostFetched = smallAnswers
	return a
}

func (s *scenario) client(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	return client
}

// write produces n records to a partition, one batch each; they carry their own checksum of a value: partition and number.
func (s *scenario) write(client *kgo.Client, partition, n, size int, visible bool) {
	s.t.Helper()
	for range n {
		key := strconv.Itoa(s.random.IntN(12))
		value := binary.BigEndian.AppendUint32(bytes.Repeat([]byte{byte(partition)}, size), uint32(partition))
		r := &kgo.Record{Topic: testTopic, Partition: int32(partition), Key: []byte(key), Value: value}
		if err := client.ProduceSync(s.t.Context(), r).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
		if visible {
			p := &s.parts[partition]
			p.visible = append(p.visible, r.Offset)
			if p.newest == nil {
				p.newest = map[string]int64{}
			}
			p.newest[key] = r.Offset
		}
	}
}

// transact writes in a transaction that ends one way or the other.
func (s *scenario) transact(partition, n, size int) {
	s.t.Helper()
	client := s.client(kgo.TransactionalID(fmt.Sprint("t", s.random.Uint64())))
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	commit := s.random.IntN(2) == 0
	s.write(client, partition, n, size, commit)
	if err := client.EndTransaction(s.t.Context(), kgo.TransactionEndTry(commit)); err != nil {
		s.t.Fatal(err)
	}
}

// fill gives many partitions more than an answer holds of one, and ends most in transactions. These are small and last:
// where an answer is full, the embedded broker leaves out which transactions of the partition at hand were aborted.
func (s *scenario) fill(transactions bool) {
	for id := range s.parts {
		n := 3 + s.random.IntN(9)
		s.write(s.plain, id, n, largeRecord, true)
		for transactions && s.random.IntN(3) > 0 {
			s.transact(id, 1+s.random.IntN(3), s.random.IntN(100))
		}
	}
}

// reading is what came of one read.
type reading struct {
	got  map[int32][]int64
	gone map[int32][]Gap
}

func (s *scenario) read(a *Client, r Range, scan bool, meanwhile func(n int)) reading {
	s.t.Helper()
	out := reading{got: map[int32][]int64{}, gone: map[int32][]Gap{}}
	r.Gone = func(g Gap) { out.gone[g.Partition] = append(out.gone[g.Partition], g) }
	read, n := a.Read, 0
	if scan {
		read = a.Scan
	}
	err := read(s.t.Context(), r, func(rec *pipeline.Record) error {
		if !bytes.HasSuffix(rec.Value, binary.BigEndian.AppendUint32(nil, uint32(rec.Partition))) {
			s.t.Errorf("%s: another partition's record", rec.Position())
		}
		out.got[rec.Partition] = append(out.got[rec.Partition], rec.Offset)
		n++
		meanwhile(n)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// hold compares a reading with what was produced: everything needed came or is said to be gone.
func (s *scenario) hold(out reading, needed func(partition int, offset int64) bool) {
	s.t.Helper()
	for id := range s.parts {
		got := out.got[int32(id)]
		at := 0
		for _, offset := range s.parts[id].visible {
			if at < len(got) && got[at] == offset {
				at++
				continue
			}
			if needed(id, offset) && !isGone(out.gone[int32(id)], offset) {
				s.t.Errorf("partition %d: offset %d was neither read nor said to be gone; read were %v of %v, gone %v", id, offset, got, s.parts[id].visible, out.gone[int32(id)])
				break
			}
		}
		if at < len(got) && !s.t.Failed() {
			s.t.Errorf("partition %d: offset %d came though it is out of order, twice or taken back", id, got[at])
		}
	}
}

func isGone(gaps []Gap, offset int64) bool {
	for _, g := range gaps {
		if g.From <= offset && offset < g.To {
			return true
		}
	}
	return false
}

func always(int, int64) bool { return true }

func (s *scenario) all(a *Client) Range {
	s.t.Helper()
	r, err := a.All(s.t.Context(), testTopic)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// forEachSeed reads by Read and by Scan in turn.
func forEachSeed(t *testing.T, seeds uint64, do func(t *testing.T, seed uint64, scan bool)) {
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			do(t, seed, seed%2 == 1)
		})
	}
}

func TestAReadToRecordedEndsGivesEveryRecordBeforeThem(t *testing.T) {
	t.Parallel()
	forEachSeed(t, 2, func(t *testing.T, seed uint64, scan bool) {
		s := newScenario(t, seed, false)
		s.fill(true)
		a := s.admin()
		r := s.all(a)
		var later sync.Once
		out := s.read(a, r, scan, func(n int) {
			if n%25 == 0 {
				s.cluster.ShufflePartitionLeaders()
			}
			later.Do(func() { // beyond the recorded ends
				for id := range s.parts {
					s.write(s.plain, id, 1, 10, false)
				}
			})
		})
		s.hold(out, always)
		if len(out.gone) > 0 {
			t.Errorf("said to be gone: %v, though nothing was removed", out.gone)
		}
	})
}

func TestAReadOvertakenByAPurgeSaysWhichOffsetsAreGone(t *testing.T) {
	t.Parallel()
	forEachSeed(t, 2, func(t *testing.T, seed uint64, scan bool) {
		s := newScenario(t, 100+seed, false)
		s.fill(true)
		a := s.admin()
		r, purged := s.all(a), map[int32]int64{}
		out := s.read(a, r, scan, func(n int) {
			if n%5 != 0 {
				return
			}
			id := s.random.Int32N(int32(len(s.parts)))
			to := r.From[testTopic][id] + s.random.Int64N(r.To[testTopic][id]-r.From[testTopic][id]+1)
			if err := s.cluster.DeleteRecords(testTopic, id, to); err == nil {
				purged[id] = max(purged[id], to)
			}
		})
		s.hold(out, always)
		for id, gaps := range out.gone {
			for _, g := range gaps {
				if g.To > purged[id] || g.From >= g.To {
					t.Errorf("said to be gone: %+v, but the purge went up to %d", g, purged[id])
				}
			}
		}
	})
}

func TestAReadOfACompactedTopicGivesTheNewestRecordOfEveryKey(t *testing.T) {
	t.Parallel()
	forEachSeed(t, 2, func(t *testing.T, seed uint64, scan bool) {
		s := newScenario(t, 200+seed, true)
		s.fill(false)
		s.cluster.Compact()
		a := s.admin()
		r := s.all(a)
		out := s.read(a, r, scan, func(n int) {
			if n%10 == 0 {
				s.cluster.Compact()
			}
		})
		newest := func(id int, offset int64) bool {
			for _, at := range s.parts[id].newest {
				if at == offset {
					return true
				}
			}
			return false
		}
		s.hold(out, newest)
	})
}
