package segment

import (
	"context"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// puts are values on their way into the memory.
type puts struct {
	keys   [][16]byte
	values [][]byte
	buf    []byte
}

func (p *puts) reset() { p.keys, p.values, p.buf = p.keys[:0], p.values[:0], p.buf[:0] }

// add puts a record, or forgets a member of whom nothing is worth keeping.
func (p *puts) add(k key, m *record) {
	p.keys = append(p.keys, k)
	if !m.pending && !m.letters && !m.member && len(m.wants) == 0 {
		p.values = append(p.values, nil)
		return
	}
	start := len(p.buf)
	p.buf = m.appendTo(p.buf)
	p.values = append(p.values, p.buf[start:len(p.buf):len(p.buf)])
}

// put writes them.
func (s *Sink) put(ctx context.Context, p *puts) error {
	if len(p.keys) == 0 {
		return nil
	}
	return s.insist(ctx, "state", func() error { return s.deps.Memory.Put(ctx, p.keys, p.values) })
}

// refresh makes visible what any instance has written.
func (s *Sink) refresh(ctx context.Context) error {
	return s.insist(ctx, "state", func() error { return s.deps.Memory.Refresh(ctx) })
}

func (s *Sink) generation() uint64 {
	if s.deps.Generation == nil {
		return 0
	}
	return s.deps.Generation()
}

// remember ends the members' changes: claims that a member came to want while they were deleted are added again, then
// the records are written as they are to stay.
func (f *flush) remember(ctx context.Context) error {
	if err := f.heal(ctx); err != nil {
		return err
	}
	f.puts.reset()
	for i := range f.members {
		m := &f.members[i]
		if !m.changed && !m.put {
			continue
		}
		if f.isRefused(&f.rows[m.last]) {
			m.after.letters, m.after.pending = true, true // TikTok refused a part: what it holds is unknown
		} else {
			m.after.leaves = nil
		}
		if !m.changed {
			m.after.wants, m.after.leaves, m.after.pending = m.before.wants, m.before.leaves, m.before.pending
		}
		if m.after.letters { // kept for as long as the letters, however old the row is
			m.after.time = max(m.after.time, f.sink.plan.now().UnixMilli())
		}
		f.puts.add(m.key, &m.after)
	}
	if err := f.sink.put(ctx, &f.puts); err != nil {
		return err
	}
	f.puts.forget(f.members, func(m *memberPlan) bool { return m.put })
	return f.sink.put(ctx, &f.puts)
}

// isRefused reports whether TikTok refused something of the row. One that was rejected before has a letter in any case.
func (f *flush) isRefused(r *rowPlan) bool {
	if r.rejected == nil {
		return f.chunk.Settled(int(r.row)) == pipeline.DeadLettered
	}
	return r.refused
}

// heal looks again at what was said for members other than the row's own: what was deleted may be wanted by another
// instance's member whose add came before the delete, and what was added may be wanted no more, by a delete that came before
// the add. What no longer fits is said the other way round, until nothing has changed since the last answer. The calls belong
// to rows that have settled, so chunks of copies carry them.
func (f *flush) heal(ctx context.Context) error {
	f.ops = slices.DeleteFunc(f.ops, func(o op) bool { return !o.remove && holds(f.memberOf(o).after.wants, o.claim) })
	return f.untilItFits(ctx)
}

// untilItFits says the operations that do not fit what is remembered the other way round, until nothing has changed since the last
// answer.
func (f *flush) untilItFits(ctx context.Context) error {
	for len(f.ops) > 0 {
		if err := f.sink.refresh(ctx); err != nil {
			return err
		}
		f.ops = slices.DeleteFunc(f.ops, func(o op) bool { return o.remove == (f.sink.deps.Memory.Claimants(o.claim) == 0) })
		for i, o := range f.ops {
			f.ops[i] = o.contrary()
		}
		f.said = append(f.said, f.ops...)
		if err := f.build(ctx); err != nil || len(f.out.List) == 0 {
			return err
		}
		copies := pipeline.NewChunk(slices.Clone(f.chunk.Records))
		copies.Abandon() // what becomes of them is not counted a second time
		if err := f.deliver(ctx, copies); err != nil {
			return err
		}
	}
	return nil
}

func (f *flush) memberOf(o op) *memberPlan { return &f.members[f.rows[o.row].of] }
