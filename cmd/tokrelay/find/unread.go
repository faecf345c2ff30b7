package find

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// mostSourceRows are read of each partition of a source, the newest: of a row that was not read yet, and of one that was skipped, there is no
// digest anywhere else.
const mostSourceRows = 200_000

// unread looks among the rows that the sync has not read yet.
func (f *search) unread(ctx context.Context, s *daemon.Sync, wanted *matcher) error {
	if s.Kind() == daemon.KindFile {
		return nil // its topic tells of memberships
	}
	all, committed, err := f.offsets(ctx, s)
	if err != nil {
		return err
	}
	for topic, partitions := range all.To {
		for id := range partitions {
			if at, ok := committed.Get(topic, id); ok {
				all.From.Set(topic, id, max(at, all.From[topic][id]))
			}
		}
	}
	return f.look(ctx, s, all, "what "+s.Name+" has not read yet", wanted, func(t *tracer, r *pipeline.Record) {
		row := f.answer.row(outcomes.RowOf(s.Name, r))
		if row.State == "" { // what a redelivered row became is known
			row.State, row.Words = Waiting, "not read yet"
			row.today(ctx, t, r)
		}
	})
}

// passed looks among the rows that were read since the time that is asked for, where no outcome is of what is looked for: one that was skipped
// has no digest in its outcome. In which streamed audience a person is their owners know; their rows are looked for by key alone.
func (f *search) passed(ctx context.Context, s *daemon.Sync, wanted *matcher) error {
	if s.Kind() == daemon.KindFile || s.Kind() == daemon.KindSegment && kinds[f.question.As].audience {
		return nil
	}
	all, committed, err := f.offsets(ctx, s)
	if err != nil {
		return err
	}
	since, err := f.wiring.Admin.At(ctx, f.options.Since, slices.Collect(maps.Keys(all.To))...)
	if err != nil {
		return err
	}
	for topic, partitions := range all.To {
		for id, end := range partitions {
			at, _ := committed.Get(topic, id)
			all.To.Set(topic, id, min(end, at))
			all.From.Set(topic, id, max(all.From[topic][id], since[topic][id]))
		}
	}
	found := map[outcomes.Row]*pipeline.Record{}
	err = f.look(ctx, s, all, "what "+s.Name+" skipped", wanted, func(_ *tracer, r *pipeline.Record) { found[outcomes.RowOf(s.Name, r)] = deadletter.Keep(r) })
	if err != nil || len(found) == 0 {
		return err
	}
	_, err = f.settled(ctx, outcomes.Options{Since: f.options.Since}, func(o *outcomes.Outcome) bool { return found[o.Row()] != nil })
	t, other := f.tracer(s)
	if other != nil {
		return errors.Join(err, other)
	}
	for id, r := range found {
		row := f.answer.row(id)
		f.judge(row, row.today(ctx, t, r))
	}
	return err
}

// offsets are what the sync's topics hold, and what its group has committed.
func (f *search) offsets(ctx context.Context, s *daemon.Sync) (all admin.Range, committed admin.Offsets, err error) {
	topics, err := s.SourceTopics(ctx, f.wiring.Admin)
	if err != nil {
		return all, nil, err
	}
	if committed, err = f.wiring.Admin.Committed(ctx, f.wiring.Config.GroupOf(s)); err != nil {
		return all, nil, err
	}
	all, err = f.wiring.Admin.All(ctx, topics...)
	return all, committed, err
}

// look gives found the wanted rows of a sync's source, of the newest of each partition where they are very many, for a bounded time.
func (f *search) look(ctx context.Context, s *daemon.Sync, what admin.Range, doing string, wanted *matcher, found func(*tracer, *pipeline.Record)) error {
	var left, of int64
	for topic, partitions := range what.To {
		maps.DeleteFunc(partitions, func(id int32, end int64) bool { return end <= what.From[topic][id] })
		for id, end := range partitions {
			left += end - what.From[topic][id]
			of += min(end-what.From[topic][id], mostSourceRows)
		}
	}
	if of == 0 {
		return nil
	}
	what.Latest(mostSourceRows)
	what.Gone = func(admin.Gap) {}
	t, err := f.tracer(s)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	read, matching := int64(0), 0
	err = f.wiring.Admin.Scan(within, what, func(r *pipeline.Record) error {
		if read++; read%4096 == 0 {
			f.progress("reading "+doing, read, of)
		}
		if !wanted.row(ctx, t, r) {
			return nil
		}
		if matching++; matching > mostRows {
			f.answer.Looked.More = true
			return admin.ErrStop
		}
		found(t, r)
		return nil
	})
	f.answer.Looked.Rows += read
	late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if late || left > of {
		f.note(doing + " was not read to its end: name the row's position, or look again when less waits")
	}
	if late {
		return nil
	}
	return err
}

// today says what a row would become with the configuration as it is now; nil where that is not known.
func (r *Row) today(ctx context.Context, t *tracer, record *pipeline.Record) *traced {
	out, err := t.trace(ctx, record)
	if err != nil {
		r.Today = "not known: " + err.Error()
		return nil
	}
	if r.Today = out.words(); r.EventID == "" {
		r.EventID = out.eventID
	}
	return out
}
