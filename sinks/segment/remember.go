package segment

import (
	"context"

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
	if !m.pending && !m.letters && len(m.wants) == 0 {
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
		if f.chunk.Settled(int(f.rows[m.last].row)) == pipeline.DeadLettered {
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
	return f.sink.put(ctx, &f.puts)
}

// heal adds the deleted claims that another instance's member has come to want: its add may have been before our
// delete. The calls belong to the rows that deleted; those have settled, so a chunk of copies carries them.
func (f *flush) heal(ctx context.Context) error {
	deleted := f.ops[:0]
	for _, o := range f.ops {
		if o.remove {
			deleted = append(deleted, o)
		}
	}
	f.ops = deleted
	if len(f.ops) == 0 {
		return nil
	}
	if err := f.sink.refresh(ctx); err != nil {
		return err
	}
	wanted := f.ops[:0]
	for _, o := range f.ops {
		if f.sink.deps.Memory.Claimants(o.claim) > 0 {
			o.remove = false
			wanted = append(wanted, o)
		}
	}
	f.ops = wanted
	if err := f.build(ctx); err != nil || len(f.out.List) == 0 {
		return err
	}
	copies := pipeline.NewChunk(append([]pipeline.Record(nil), f.chunk.Records...))
	return f.sink.deps.Queue.Deliver(ctx, copies, &f.out)
}
