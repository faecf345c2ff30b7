package segment

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// rowsOf are the topics of an audience of one partition.
var rowsOf = owners.NewTopics("a", 1)

// assertions writes what it is given at once, as often as it is told to: a transaction that was aborted is written again.
type assertions struct {
	times   int
	err     error
	written [][2]string // keys and values of the last time
	before  func()
}

func (a *assertions) Chunk(_ context.Context, _ *pipeline.Chunk, write func(owners.Write)) error {
	if a.before != nil {
		a.before()
	}
	for range max(a.times, 1) {
		a.written = nil
		write(func(topic string, _ int32, key, value []byte) {
			if topic == rowsOf.Rows {
				a.written = append(a.written, [2]string{string(key), string(value)})
			}
		})
	}
	return a.err
}

type letterBox struct{ letters []pipeline.Letter }

func (b *letterBox) Rows(_ context.Context, letters []pipeline.Letter) error {
	b.letters = append(b.letters, letters...)
	return nil
}

// chunkOf runs rows through a sync's maker as the router does.
func chunkOf(t *testing.T, plan *Plan, changes ...pipeline.Change) (*pipeline.Chunk, *pipeline.Items) {
	t.Helper()
	var records []pipeline.Record
	for i := range changes {
		value := []byte{1}
		if changes[i].Op == pipeline.Delete {
			value = nil
		}
		records = append(records, pipeline.Record{Topic: "customers", Offset: int64(i), Key: changes[i].Key, Value: value, Timestamp: time.UnixMilli(int64(i))})
	}
	at := 0
	maker := plan.Maker()
	r := &pipeline.Runner{Steps: pipeline.Steps{Make: maker.Make, Leave: maker.Leave,
		Decode: func(_ context.Context, _ *pipeline.Record, into *pipeline.Change) error {
			*into = changes[at]
			return nil
		}}}
	for at = range records {
		_ = r.Row(t.Context(), &records[at], at)
	}
	return pipeline.NewChunk(records), &r.Items
}

func row(op pipeline.Op, key string, email any) pipeline.Change {
	v := pipeline.NullValue()
	if s, ok := email.(string); ok {
		v = pipeline.StringValue([]byte(s))
	}
	c := pipeline.Change{Op: op, Shape: &pipeline.Shape{Names: []string{"email"}}, Key: []byte(key)}
	if op != pipeline.Delete {
		c.After = pipeline.Image{Present: true, Values: []pipeline.Value{v}}
	}
	return c
}

func planOf(t *testing.T, text string) *Plan {
	t.Helper()
	plan, err := New(loaded(t, text), Options{AdvertiserID: "7000000000000000001"}, &mapping.Columns{}, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const newsletter = "audience: {name: Newsletter}\nidentifiers: {EMAIL_SHA256: email}"

func TestEachRowIsAssertedOnceAndSettles(t *testing.T) {
	plan := planOf(t, newsletter+"\nrequire_identifier: true")
	chunk, items := chunkOf(t, plan, row(pipeline.Insert, "1", "ann@x.org"), row(pipeline.Update, "2", "not an address"), row(pipeline.Delete, "3", nil), row(pipeline.Insert, "4", nil))
	var box letterBox
	tx := &assertions{times: 2, before: func() {
		if len(box.letters) != 2 || chunk.Left() != 4 {
			t.Errorf("got %d letters and %d rows left before the transaction, want 2 and 4", len(box.letters), chunk.Left())
		}
	}}
	s := NewSink(plan, Deps{Sync: "newsletter", Transactions: tx, DeadLetters: &box})
	s.Begin(rowsOf, 7)
	if err := s.Deliver(t.Context(), chunk, items); err != nil {
		t.Fatal(err)
	}
	if len(tx.written) != 4 {
		t.Errorf("got %d assertions, want one a row", len(tx.written))
	}
	var ended []pipeline.Outcome
	for i := range chunk.Records {
		ended = append(ended, chunk.Settled(i))
	}
	if want := []pipeline.Outcome{pipeline.Delivered, pipeline.DeadLettered, pipeline.Skipped, pipeline.DeadLettered}; !slices.Equal(ended, want) {
		t.Errorf("got %v, want %v", ended, want)
	}
}

func TestAChunkThatWasNotCommittedComesAgain(t *testing.T) {
	plan := planOf(t, newsletter)
	chunk, items := chunkOf(t, plan, row(pipeline.Insert, "1", "ann@x.org"))
	lost := errors.New("the partition is another instance's")
	s := NewSink(plan, Deps{Sync: "newsletter", Transactions: &assertions{err: lost}, DeadLetters: &letterBox{}})
	s.Begin(rowsOf, 0)
	if err := s.Deliver(t.Context(), chunk, items); !errors.Is(err, lost) || chunk.Left() != 1 {
		t.Errorf("got %v and %d rows left, want the error and 1", err, chunk.Left())
	}
}

// What a row says and what its owner makes of it are read back by a Local in the place of the owners.
func TestWhatARejectedRowLeavesOfItsMember(t *testing.T) {
	plan := planOf(t, newsletter)
	unavailable := row(pipeline.Update, "1", nil)
	unavailable.After.Values[0] = pipeline.UnavailableValue()
	for name, c := range map[string]struct {
		row     pipeline.Change
		removes int
	}{
		"a value that is not an address takes it out": {row(pipeline.Update, "1", "broken"), 1},
		"a value that was not read leaves it":         {unavailable, 0},
		"a delete takes it out":                       {row(pipeline.Delete, "1", nil), 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, items := chunkOf(t, plan, row(pipeline.Insert, "1", "ann@x.org"), c.row)
			local := owners.NewLocal("newsletter")
			var said []owners.Saying
			for i := range items.List {
				s := readSays(items.Body(i))
				of := s.assertion(&pipeline.Record{}, nil)
				of.Rejected = len(items.Rejected) > 0 && items.Rejected[0].Row == items.List[i].Row
				said = slices.Clone(local.Row("customers", []byte("1"), &of).Sayings)
			}
			if len(items.List) != 2 || len(said) != c.removes || c.removes > 0 && !said[0].Remove {
				t.Errorf("got %d items and in the end %d sayings, want 2 and %d", len(items.List), len(said), c.removes)
			}
		})
	}
}

// Kafka takes a record for too large, and all that comes with it in a transaction, if it is larger than a batch of the client. No row asserts that
// much: it has at most ten values of a type, in at most 20 audiences, and so had its two images of before.
func TestTheLargestRowFitsABatch(t *testing.T) {
	const images, values, batch = 3, 10, 1_000_012
	var sets [images][]byte
	n := uint64(0)
	for i := range sets {
		for kind := range member.Kind(member.Kinds) {
			for range values {
				n++
				hash := binary.BigEndian.AppendUint64(make([]byte, kind.Size()-8), n)
				for a := range maxAudiences {
					sets[i] = owners.AddBytes(sets[i], kind, fmt.Appendf(nil, "%*d", maxAudience, a), hash)
				}
			}
		}
	}
	a := owners.Assertion{Digests: sets[0], Before: slices.Concat(sets[1], sets[2]), Source: owners.Source{Topic: make([]byte, 249), Offset: 1 << 60, Time: 1 << 60}}
	if size := len(a.Append(nil)); size > batch-1000 || size < batch/2 {
		t.Errorf("the largest row asserts %d bytes, want less than %d", size, batch)
	}
}
