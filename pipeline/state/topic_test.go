package state

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
)

// topic is a compacted topic in memory. Several logs may be made of it: instances.
type topic struct {
	mu         sync.Mutex
	partitions [][]pipeline.Record
	refuse     func(r *pipeline.Record) error // nil: takes everything
	readTwice  bool                           // do not tell producers their offsets
	reads      int
	id         string
	madeAgain  int
}

func newTopic(partitions int) *topic {
	return &topic{partitions: make([][]pipeline.Record, partitions)}
}

func (t *topic) log() Log {
	return Log{Topic: "state", Ends: t.ends, Read: t.read, Produce: t.produce, MadeAgain: func(int) { t.madeAgain++ }}
}

func (t *topic) ends(context.Context) (string, map[int32]int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ends := map[int32]int64{}
	for i, p := range t.partitions {
		ends[int32(i)] = int64(len(p))
	}
	return t.id, ends, nil
}

func (t *topic) read(_ context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
	for _, id := range slices.Sorted(maps.Keys(to)) {
		t.mu.Lock()
		t.reads++
		records := slices.Clone(t.partitions[id][from[id]:to[id]])
		t.mu.Unlock()
		for i := range records {
			if records[i].Key == nil {
				continue // compacted away
			}
			if err := each(&records[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *topic) produce(_ context.Context, records []pipeline.Record) []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	errs := make([]error, len(records))
	for i := range records {
		r := &records[i]
		if t.refuse != nil {
			if errs[i] = t.refuse(r); errs[i] != nil {
				continue
			}
		}
		t.append(r)
	}
	return errs
}

func (t *topic) append(r *pipeline.Record) {
	h := fnv.New32a()
	h.Write(r.Key)
	id := h.Sum32() % uint32(len(t.partitions))
	kept := *r
	kept.Key, kept.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	kept.Partition, kept.Offset = int32(id), int64(len(t.partitions[id]))
	t.partitions[id] = append(t.partitions[id], kept)
	if !t.readTwice {
		r.Partition, r.Offset = kept.Partition, kept.Offset
	}
}

// compact drops what later records of the same key replace, as a broker may at any time.
func (t *topic) compact() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.partitions {
		seen := map[string]bool{}
		for i := len(p) - 1; i >= 0; i-- {
			if k := string(p[i].Key); seen[k] {
				p[i] = pipeline.Record{Offset: p[i].Offset, Partition: p[i].Partition}
			} else {
				seen[k] = true
			}
		}
	}
}

var errRefused = fmt.Errorf("not enough replicas")
