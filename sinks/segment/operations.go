package segment

import "context"

// planMembers says what TikTok has to be told.
func (f *flush) planMembers(ctx context.Context) error {
	if err := f.lookAgain(ctx); err != nil {
		return err
	}
	for i := range f.members {
		if m := &f.members[i]; m.changed {
			f.leave(m)
			f.join(m)
		}
	}
	for _, o := range f.ops {
		f.said = append(f.said, o)
		if f.memberOf(o).before.pending { // an instance that has ended may have said the contrary
			f.said = append(f.said, o.contrary())
		}
	}
	return nil
}

// lookAgain refreshes the memory if a claim that a member leaves seems to be wanted by others.
func (f *flush) lookAgain(ctx context.Context) error {
	for i := range f.members {
		m := &f.members[i]
		for c, rest := next(m.after.leaves); m.changed && c != nil; c, rest = next(rest) {
			if f.sink.deps.Memory.Claimants(c) > 0 {
				return f.sink.refresh(ctx)
			}
		}
	}
	return nil
}

// leave deletes what no member wants. What one does want is added again where an earlier attempt may have deleted it.
func (f *flush) leave(m *memberPlan) {
	for c, rest := next(m.after.leaves); c != nil; c, rest = next(rest) {
		switch wanted := f.sink.deps.Memory.Claimants(c) > 0; {
		case !wanted:
			f.queue(op{claim: c, row: m.last, remove: true})
		case m.dirty:
			f.queue(op{claim: c, row: m.last})
		}
	}
}

func (f *flush) join(m *memberPlan) {
	for c, rest := next(m.after.wants); c != nil; c, rest = next(rest) {
		if m.dirty || !holds(m.before.wants, c) {
			f.queue(op{claim: c, row: m.last})
		}
	}
}

func (f *flush) queue(o op) {
	f.ops = append(f.ops, o)
	f.rows[o.row].sent = true
}
