package segment

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// marked writes letters and marks their members, so that a replay of an old row can be told from a newer state of its
// member, however that came about.
type marked struct{ sink *Sink }

// Letters is where rows go that were rejected before they came to the Sink: it marks their members, then hands them on
// to Deps.DeadLetters. The sync's router is to be given it.
func (s *Sink) Letters() DeadLetters {
	if !s.plan.remembers {
		return s.deps.DeadLetters
	}
	return marked{s}
}

// Rows returns nil when the letters are acknowledged, and an error only when ctx ends.
func (m marked) Rows(ctx context.Context, letters []pipeline.Letter) error {
	if err := m.mark(ctx, letters); err != nil {
		return err
	}
	return m.sink.deps.DeadLetters.Rows(ctx, letters)
}

func (m marked) mark(ctx context.Context, letters []pipeline.Letter) error {
	rows := map[key]*pipeline.Record{}
	var locks []uint64
	for i := range letters {
		if r := letters[i].Record; len(r.Key) > 0 {
			k := m.sink.nameOf(r)
			rows[k] = r
			locks = append(locks, binary.LittleEndian.Uint64(k[:]))
		}
	}
	locks, err := m.sink.members.take(ctx, locks)
	if err != nil {
		return err
	}
	defer m.sink.members.give(locks)
	return m.write(ctx, rows)
}

func (m marked) write(ctx context.Context, rows map[key]*pipeline.Record) error {
	if err := m.sink.refresh(ctx); err != nil {
		return err
	}
	var p puts
	for _, r := range rows {
		k, before, known := m.sink.known(r)
		if before.letters {
			continue
		}
		before.letters = true
		if !known {
			before.generation, before.time = m.sink.generation(), m.sink.plan.now().UnixMilli()
		}
		p.add(k, &before)
	}
	return m.sink.put(ctx, &p)
}

// Overtaken reports whether a newer row of the record's member has settled, so that replaying the record would undo it;
// known is false for a sync without memory. Deliver skips such rows by itself.
func (s *Sink) Overtaken(ctx context.Context, r *pipeline.Record) (overtaken, known bool, err error) {
	if !s.plan.remembers || len(r.Key) == 0 {
		return false, false, nil
	}
	if err := s.deps.Memory.Refresh(ctx); err != nil {
		return false, false, err
	}
	_, m, ok := s.known(r)
	return ok && m.overtakes(r, s.generation()), true, nil
}

// keepGone is how long a member that is gone is remembered for the sake of its dead letters: longer than the rejected
// topic keeps them.
const keepGone = 31 * 24 * time.Hour

// Sweep forgets members that are gone and whose dead letters can no longer be replayed. Call it once a day, and soon after a start.
func (s *Sink) Sweep(ctx context.Context) error {
	if !s.plan.remembers {
		return nil
	}
	limit := s.plan.now().Add(-keepGone)
	is := func(value []byte) bool { return Forgettable(value, limit) }
	for {
		found := s.deps.Memory.Find(is, 1000)
		if len(found) == 0 {
			return nil
		}
		if err := s.forget(ctx, found, is); err != nil {
			return err
		}
	}
}

func (s *Sink) forget(ctx context.Context, found []key, is func(value []byte) bool) error {
	var locks []uint64
	for _, k := range found {
		locks = append(locks, binary.LittleEndian.Uint64(k[:]))
	}
	locks, err := s.members.take(ctx, locks)
	if err != nil {
		return err
	}
	defer s.members.give(locks)
	if err := s.refresh(ctx); err != nil {
		return err
	}
	var p puts
	for _, k := range found {
		if is(s.deps.Memory.Get(nil, k)) {
			p.keys, p.values = append(p.keys, k), append(p.values, nil)
		}
	}
	return s.put(ctx, &p)
}
