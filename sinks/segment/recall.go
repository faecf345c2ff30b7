package segment

import (
	"context"
	"encoding/binary"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// planByMemory plans with what is remembered of each member. See Memory for the order of things.
func (f *flush) planByMemory(ctx context.Context) error {
	if err := f.takeMembers(ctx); err != nil {
		return err
	}
	if err := f.sink.refresh(ctx); err != nil {
		return err
	}
	f.recall()
	for i := range f.members {
		f.decide(&f.members[i])
	}
	if err := f.takeClaims(ctx); err != nil {
		return err
	}
	if err := f.announce(ctx); err != nil {
		return err
	}
	return f.planMembers(ctx)
}

// takeMembers finds the chunk's members and locks them.
func (f *flush) takeMembers(ctx context.Context) (err error) {
	for i := range f.rows {
		record, k := f.record(&f.rows[i]), f.rows[i].key
		if k == (key{}) {
			k = f.sink.nameOf(record)
		}
		at, known := f.byKey[k]
		if !known {
			at = int32(len(f.members))
			f.byKey[k] = at
			f.members = append(f.members, memberPlan{key: k, last: -1})
			f.tookFor = append(f.tookFor, binary.LittleEndian.Uint64(k[:]))
		}
		f.rows[i].of = at
		start := len(f.names)
		if f.names = f.sink.earlier(f.names, record); len(f.names) > start {
			f.members[at].addEarlier(f.names[start:len(f.names):len(f.names)])
		}
	}
	f.tookFor, err = f.sink.members.take(ctx, f.tookFor)
	return err
}

// recall reads what is remembered of the members, then finds for each the row that decides: its last one. Rows that are
// older than what is remembered do not count: they come a second time, or out of the dead letters.
func (f *flush) recall() {
	for i := range f.members {
		m := &f.members[i]
		if m.before, m.known = f.read(m.key); len(m.earlier) > 0 {
			f.adopt(m)
		}
	}
	for i := range f.rows {
		r := &f.rows[i]
		m := &f.members[r.of]
		m.letters = m.letters || r.rejected != nil
		switch {
		case m.known && m.before.overtakes(f.record(r), f.sink.generation()):
			r.skip = pipeline.SkipDuplicateReplay
			continue
		case f.isTombstone(r) && m.last >= 0 && f.rows[m.last].isGone(): // it repeats the delete
			r.skip = pipeline.SkipTombstone
			continue
		case m.last >= 0:
			last := &f.rows[m.last]
			last.skip = pipeline.SkipSuperseded
			f.complete(r, last.was, last.now)
			if !m.known && f.sink.generation() > 0 { // a resync, and what was remembered is lost: it may have been sent
				m.past = f.unionOf(m.past, last.now)
			}
		default:
			f.complete(r, m.before.member || len(m.before.wants) > 0, m.before.wants)
		}
		m.last = int32(i)
		if !m.known && r.oldKnown {
			m.past = f.unionOf(m.past, r.old)
		}
	}
}

func (f *flush) record(r *rowPlan) *pipeline.Record { return &f.chunk.Records[r.row] }

func (f *flush) isTombstone(r *rowPlan) bool { return r.isGone() && f.record(r).Value == nil }

// isGone reports whether the row says that its member is none, and nothing else.
func (r *rowPlan) isGone() bool { return !r.member && r.rejected == nil }

// unionOf makes a set that holds both, in the flush's memory.
func (f *flush) unionOf(a, b []byte) []byte {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	start := len(f.sets)
	f.sets = append(f.sets, a...)
	f.sets = append(f.sets[:start], union(f.sets[start:], b)...)
	return f.sets[start:len(f.sets):len(f.sets)]
}

// decide compares what the member was with what its deciding row says.
func (f *flush) decide(m *memberPlan) {
	if m.last < 0 {
		return
	}
	r, b := &f.rows[m.last], &m.before
	held := f.unionOf(m.past, f.unionOf(b.wants, b.leaves)) // no more than one of both exists
	m.dirty = m.known && (b.pending || b.generation != f.sink.generation())
	f.late = f.late || m.known && b.pending // a call of an instance that has ended may still have its effect
	m.after = record{letters: b.letters || m.letters, member: f.sink.plan.changed && r.was && len(r.now) == 0, wants: r.now, leaves: f.lessOf(held, r.now)}
	m.after.moveTo(f.record(r), f.sink.generation())
	nobody := r.member && len(r.now) == 0 && len(held) == 0
	if r.lacking {
		r.rejected, m.after.letters = unavailable(section), true
	}
	switch {
	case nobody && r.lacking:
		m.put = true
	case nobody && f.sink.plan.cfg.RequireIdentifier:
		r.rejected = member.NoIdentifier(section)
		m.after.letters, m.put = true, true
	case m.dirty || len(m.after.leaves) > 0 || len(r.now) > len(b.wants):
		m.changed = true
	default:
		m.put = m.after.letters || len(m.earlier) > 0 || m.after.member != b.member
	}
	r.skip = f.whyIdle(r, len(held) > 0)
}

// whyIdle is why there is nothing to send for a member's deciding row, where that is so.
func (f *flush) whyIdle(r *rowPlan, wasMember bool) pipeline.SkipReason {
	switch {
	case r.member && len(r.now) == 0 && !wasMember:
		return pipeline.SkipNoIdentifier
	case r.member || wasMember:
		return pipeline.SkipNoChange
	case r.filtered:
		return pipeline.SkipFiltered
	case f.isTombstone(r):
		return pipeline.SkipTombstone
	}
	return pipeline.SkipNotMember
}

// lessOf makes the set of what a holds and b does not.
func (f *flush) lessOf(a, b []byte) []byte {
	if sameSet(a, b) {
		return nil
	}
	start := len(f.sets)
	f.sets = without(f.sets, a, b)
	return f.sets[start:len(f.sets):len(f.sets)]
}

// takeClaims locks every claim of the members that change.
func (f *flush) takeClaims(ctx context.Context) (err error) {
	for i := range f.members {
		if m := &f.members[i]; m.changed {
			f.took = appendHashes(f.took, m.after.wants)
			f.took = appendHashes(f.took, m.after.leaves)
		}
	}
	f.took, err = f.sink.claims.take(ctx, f.took)
	return err
}

func appendHashes(dst []uint64, set []byte) []uint64 {
	for c, rest := next(set); c != nil; c, rest = next(rest) {
		dst = append(dst, hashOf(c))
	}
	return dst
}

// announce writes what is about to happen. Then rows that a later one of their member decides for need not come again.
func (f *flush) announce(ctx context.Context) error {
	f.puts.reset()
	for i := range f.members {
		if m := &f.members[i]; m.changed {
			pending := m.after
			pending.pending = true
			f.puts.add(m.key, &pending)
		}
	}
	if err := f.sink.put(ctx, &f.puts); err != nil {
		return err
	}
	f.puts.forget(f.members, func(m *memberPlan) bool { return m.changed })
	if err := f.sink.put(ctx, &f.puts); err != nil {
		return err
	}
	f.settleIf(func(r *rowPlan) bool { return r.skip == pipeline.SkipSuperseded && r.rejected == nil })
	return nil
}
