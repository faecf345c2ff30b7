//go:build synctests

package owners

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

func (w *world) random() person {
	p := person{member: w.rand.IntN(4) > 0}
	for range 1 + w.rand.IntN(2) {
		p.addresses = append(p.addresses, byte(w.rand.IntN(16)))
	}
	return p
}

func (p person) value(flags byte) []byte {
	if p.member {
		flags |= flagMember
	}
	return append([]byte{flags}, p.addresses...)
}

func (w *world) send(s *source, id int, value []byte) (int32, int64) {
	r := &kgo.Record{Topic: s.topic, Partition: int32(id) % s.parts, Key: []byte(strconv.Itoa(id)), Value: value}
	w.must(w.client.ProduceSync(context.Background(), r).FirstErr())
	return r.Partition, r.Offset
}

// put writes a row; a person of nothing is a row that is deleted.
func (w *world) put(s *source, id int, p *person) {
	w.clock++
	s.counted[id] = w.clock
	if p == nil {
		delete(s.rows, id)
		delete(s.table, id)
		w.send(s, id, nil)
		return
	}
	s.rows[id], s.table[id] = *p, *p
	w.send(s, id, p.value(0))
}

// change changes one row of a table.
func (w *world) change() {
	s := w.sources[w.rand.IntN(len(w.sources))]
	ids := slices.Sorted(maps.Keys(s.rows))
	if len(ids) < 4 || w.rand.IntN(4) == 0 {
		w.ids++
		id := w.ids
		if w.rand.IntN(3) == 0 {
			id = 1 + w.rand.IntN(w.ids) // a key that was used before
		}
		p := w.random()
		w.put(s, id, &p)
		return
	}
	id := ids[w.rand.IntN(len(ids))]
	switch w.rand.IntN(6) {
	case 0:
		w.put(s, id, nil)
	case 1:
		p := s.rows[id]
		p.member = !p.member
		w.put(s, id, &p)
	case 2:
		w.reject(s, id)
	default:
		p := w.random()
		w.put(s, id, &p)
	}
}

// reject writes a row that is rejected: it is not a member by that, or all is as it was.
func (w *world) reject(s *source, id int) {
	flags := byte(flagRejected)
	w.clock++
	if w.rand.IntN(2) == 0 {
		flags |= flagAsItWas
	} else {
		delete(s.table, id)
		s.counted[id] = w.clock
	}
	p := w.random()
	part, offset := w.send(s, id, p.value(flags))
	s.letters = append(s.letters, letter{id, part, offset, w.clock, w.random()})
}

// replay replays a dead letter, once its rejection has gone through: the command waits for that.
func (w *world) replay() {
	s := w.sources[w.rand.IntN(len(w.sources))]
	if len(s.letters) == 0 || w.resyncs {
		return
	}
	l := s.letters[w.rand.IntN(len(s.letters))]
	w.quiet(3 * time.Second)
	offsets, err := w.adm.FetchOffsets(context.Background(), s.group())
	if o, ok := offsets.Lookup(s.topic, l.part); err != nil || !ok || o.At <= l.offset {
		return // it is not written yet
	}
	a := owners.Assertion{What: owners.OfReplay, Source: owners.Source{Topic: []byte(s.topic), Partition: l.part, Offset: l.offset}}
	read(&a, l.good.value(0))
	owners.NewAssert(w.topics, s.name, 0).Row(s.topic, []byte(strconv.Itoa(l.id)), &a, func(topic string, partition int32, key, value []byte) {
		w.must(w.client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: slices.Clone(value)}).FirstErr())
	})
	if l.at >= s.counted[l.id] {
		s.counted[l.id] = l.at
		s.table[l.id], s.rows[l.id] = l.good, l.good
	}
	w.note("replay of %s/%d/%d, row %d", s.topic, l.part, l.offset, l.id)
}

// happen is one thing that happens.
func (w *world) happen() {
	n := w.rand.IntN(100)
	switch {
	case n < 55:
		for range 1 + w.rand.IntN(6) {
			w.change()
		}
	case n < 71:
		w.hurt(n)
	case n < 84:
		if len(w.live) < w.most {
			w.start()
		}
	case n < 88:
		w.compact()
	case n < 91:
		w.purge()
	case n < 93:
		w.replay()
	case n < 95:
		if w.resyncs {
			w.resync()
		} else {
			w.addPartition()
		}
	case n < 97:
		w.tiktok.turn()
	}
	time.Sleep(time.Duration(w.rand.Int64N(int64(1500 * time.Millisecond))))
}

// hurt kills, freezes or stops an instance. One that was frozen is not killed within a call's length after: that it called late
// is then told to nobody (design.md, Again).
func (w *world) hurt(n int) {
	if len(w.live) == 0 {
		return
	}
	in := w.live[w.rand.IntN(len(w.live))]
	switch {
	case n < 61 && in.gate.hasJustThawed(longest+3*time.Second):
	case n < 61:
		w.note("%s is killed", in.name)
		w.kill(in)
		w.forget(in)
	case n < 67:
		d := time.Duration(w.rand.Int64N(int64(5 * session)))
		w.note("%s freezes for %v", in.name, d)
		in.gate.freeze()
		go func() { time.Sleep(d); in.gate.thaw() }()
	default:
		w.note("%s stops", in.name)
		in.cancel()
		w.forget(in)
	}
}

func (w *world) forget(in *instance) {
	w.live = slices.DeleteFunc(w.live, func(x *instance) bool { return x == in })
}

// compact has Kafka compact. kfake cleans beyond open transactions, and forgets the ends of aborted ones but not that they were
// aborted, so that what their producers commit later is hidden: it is left out while there are such.
func (w *world) compact() {
	open, err := w.adm.ListTransactions(context.Background(), nil, nil)
	if err != nil {
		return
	}
	for _, t := range open {
		if t.State != "Empty" && t.State != "CompleteCommit" && t.State != "CompleteAbort" {
			return
		}
	}
	for _, in := range w.all {
		if in.aborts.Load() > 0 && !in.gate.isDead() && in.ctx.Err() == nil {
			return
		}
	}
	w.note("compaction")
	w.broker.Compact()
}

// purge deletes of the rows topic what is behind its commits.
func (w *world) purge() {
	offsets, err := w.adm.FetchOffsets(context.Background(), rowsGroup)
	if err != nil {
		return
	}
	behind := kadm.Offsets{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.At > 0 {
			behind.Add(kadm.Offset{Topic: o.Topic, Partition: o.Partition, At: o.At, LeaderEpoch: -1})
		}
	})
	_, _ = w.adm.DeleteRecords(context.Background(), behind)
}

// addPartition gives a source one more, once all is quiet: Kafka's order between two partitions of one key is the source's own
// affair, as is what a letter of the old one is worth.
func (w *world) addPartition() {
	s := w.sources[w.rand.IntN(len(w.sources))]
	if s.parts > 4 || !w.quiet(5*time.Second) || w.lagging() {
		return
	}
	if _, err := w.adm.CreatePartitions(context.Background(), 1, s.topic); err != nil {
		return
	}
	w.client.ForceMetadataRefresh()
	time.Sleep(5 * time.Second)
	s.parts++
	s.letters = nil
	w.note("%s has %d partitions", s.topic, s.parts)
}

// resync reads a source again from its start while nobody runs; sometimes it was made again meanwhile, and holds only what
// the table has now.
func (w *world) resync() {
	s := w.sources[w.rand.IntN(len(w.sources))]
	for _, in := range w.live {
		in.gate.thaw()
		in.cancel()
	}
	w.live = nil
	time.Sleep(10 * session) // until the group is empty
	again := w.rand.IntN(2) == 0
	w.note("resync of %s; made again: %v", s.name, again)
	if again {
		w.makeAgain(s)
	}
	ctx := context.Background()
	starts, err := w.adm.ListStartOffsets(ctx, s.topic)
	w.must(err)
	ends, err := w.adm.ListEndOffsets(ctx, s.topic)
	w.must(err)
	e := &epoch{number: s.epoch.Load().number + 1}
	at := kadm.Offsets{}
	for p := range s.parts {
		start, _ := starts.Lookup(s.topic, p)
		end, _ := ends.Lookup(s.topic, p)
		at.Add(kadm.Offset{Topic: s.topic, Partition: p, At: start.Offset, LeaderEpoch: -1})
		if end.Offset > start.Offset {
			e.ends = append(e.ends, owners.End{Topic: s.topic, Partition: p, Offset: end.Offset})
		}
	}
	if len(e.ends) == 0 {
		return // the command refuses to sweep everything without being told to
	}
	if answer, err := w.adm.CommitOffsets(ctx, s.group(), at); err != nil || !answer.Ok() {
		w.Fatalf("reset offsets: %v, %v", err, answer)
	}
	s.epoch.Store(e)
}

// makeAgain has the source tell of what the table has now alone; some rows are gone without a word.
func (w *world) makeAgain(s *source) {
	ctx := context.Background()
	ends, err := w.adm.ListEndOffsets(ctx, s.topic)
	w.must(err)
	for _, id := range slices.Sorted(maps.Keys(s.rows)) {
		if p := s.rows[id]; w.rand.IntN(4) > 0 {
			w.put(s, id, &p)
		} else {
			delete(s.rows, id)
			delete(s.table, id)
		}
	}
	behind := kadm.Offsets{}
	ends.Each(func(o kadm.ListedOffset) {
		behind.Add(kadm.Offset{Topic: o.Topic, Partition: o.Partition, At: o.Offset, LeaderEpoch: -1})
	})
	_, err = w.adm.DeleteRecords(ctx, behind)
	w.must(err)
	s.letters = nil
}
