package owners

import "github.com/tokrelay/tokrelay/pipeline"

// A resync reads the source again from its beginning, under a greater epoch. A row that comes again claims again. Once all of the source
// was read, rows that did not come are gone, and give up their claims: only their owner sweeps.

// sweepAtOnce is how many rows a sweep takes in one go: it goes on with a record that it writes to its own partition, so
// that each step is fenced by an offset, as all that an owner does.
const sweepAtOnce = 10_000

// syncSweep is a sync's, and where it goes on in the table as long as its slots have not moved.
type syncSweep struct {
	sync        Tag
	sweep       sweep
	slot, moves int
}

// sweepOf is a sync's; it is there until another sync's is asked for.
func (r *Rows) sweepOf(sync Tag) *syncSweep {
	for i := range r.sweeps {
		if r.sweeps[i].sync == sync {
			return &r.sweeps[i]
		}
	}
	r.sweeps = append(r.sweeps, syncSweep{sync: sync})
	return &r.sweeps[len(r.sweeps)-1]
}

func (r *Rows) resync(a *Assertion, w sweep, rec *pipeline.Record) {
	if a.Epoch != w.epoch || w.swept {
		return
	}
	if a.What == OfDone {
		if a.Part < 0 || a.Part >= a.Parts || a.Parts > mostParts {
			return
		}
		if w = w.with(a.Part, a.Parts); !w.isRead(a.Parts) {
			r.setSweep(a.Sync, w)
			return
		}
	}
	w.swept = !r.sweepOn(a, w.start, rec)
	r.setSweep(a.Sync, w)
}

// mostParts bounds what a record may have us make room for.
const mostParts = 1 << 20

// sweepOn has some rows of earlier epochs give up their claims, and reports whether there may be more.
func (r *Rows) sweepOn(a *Assertion, start int64, rec *pipeline.Record) (more bool) {
	r.stale = r.stale[:0]
	c := r.sweepOf(a.Sync)
	if c.moves != r.table.moves {
		c.slot = 0
	}
	c.slot, more = r.table.eachFrom(c.slot, func(id *Identity, value []byte) bool {
		if m, err := readRow(value); err == nil && m.sync == a.Sync && m.at < start {
			r.stale = append(r.stale, *id)
		}
		return len(r.stale) < sweepAtOnce
	})
	c.moves = r.table.moves
	for _, id := range r.stale {
		r.sweepRow(id, a, rec.Offset)
	}
	if !more {
		return false
	}
	on := Assertion{What: ofSweep, Sync: a.Sync, Epoch: a.Epoch, Source: a.Source}
	r.write(r.topics.Rows, r.partition, sweepKey(a.Sync), on.Append(nil))
	return true
}

func (r *Rows) sweepRow(id Identity, a *Assertion, at int64) {
	v, _ := r.table.get(&id)
	r.set = append(r.set[:0], v...)
	was, _ := readRow(r.set)
	now := row{sync: was.sync, at: at, marked: was.marked, mark: was.mark}
	r.change(id, &was, &now, a, false)
}

func (r *Rows) setSweep(sync Tag, w sweep) {
	s := r.sweepOf(sync)
	r.undo = append(r.undo, undo{isSweep: true, sync: sync, sweep: s.sweep})
	if s.sweep.epoch != w.epoch {
		s.slot = 0
	}
	s.sweep = w
	r.write(r.topics.Members, r.partition, sweepKey(sync), w.append(nil))
}
