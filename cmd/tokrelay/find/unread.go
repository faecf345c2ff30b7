package find

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

func hexOf(digest []byte) string { return hex.EncodeToString(digest) }

// mostSourceRows are read of each partition of a source, the newest: of a row that was not read yet, and of one that was skipped, there is no
// digest anywhere else.
const mostSourceRows = 200_000

// sourcePatience is how long a source's rows are read for one question.
const sourcePatience = 4 * time.Second

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
	return f.look(ctx, s, all, "what "+s.Name+" has not read yet", func(t *tracer, r *pipeline.Record) error {
		if !wanted.row(ctx, t, r) {
			return nil
		}
		row := f.answer.row(s.Name, pipeline.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset})
		if row.State == "" { // what a redelivered row became is known
			row.State, row.Words, row.Changed = Waiting, "not read yet", r.Timestamp.UTC()
			row.today(ctx, t, r)
		}
		return nil
	})
}

// passed looks among the rows that were read since the time that is asked for, where no outcome is of what is looked for: one that was skipped
// has no digest in its outcome. In which streamed audience a person is their owners know; their rows are looked for by key alone.
func (f *search) passed(ctx context.Context, s *daemon.Sync, wanted *matcher) error {
	if s.Kind() == daemon.KindFile || s.Kind() == daemon.KindSegment && f.question.As.isPerson() {
		return nil
	}
	all, committed, err := f.offsets(ctx, s)
	if err != nil {
		return err
	}
	topics := make([]string, 0, len(all.To))
	for topic := range all.To {
		topics = append(topics, topic)
	}
	since, err := f.wiring.Admin.At(ctx, f.options.Since, topics...)
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
	return f.look(ctx, s, all, "what "+s.Name+" skipped", func(t *tracer, r *pipeline.Record) error {
		if !wanted.row(ctx, t, r) {
			return nil
		}
		row := f.answer.row(s.Name, pipeline.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset})
		row.Changed = r.Timestamp.UTC()
		f.judge(ctx, row, t, r)
		return nil
	})
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

// look reads rows of a sync's source, the newest of each partition where they are very many, for a bounded time.
func (f *search) look(ctx context.Context, s *daemon.Sync, what admin.Range, doing string, each func(*tracer, *pipeline.Record) error) error {
	var left, of int64
	for topic, partitions := range what.To {
		for id, end := range partitions {
			if end <= what.From[topic][id] {
				delete(partitions, id)
				continue
			}
			left = max(left, end-what.From[topic][id])
			of += min(end-what.From[topic][id], mostSourceRows)
		}
		if len(partitions) == 0 {
			delete(what.To, topic)
		}
	}
	if of == 0 {
		return nil
	}
	what.Latest(mostSourceRows)
	what.Gone = func(admin.Gap) {}
	t, err := newTracer(s, f.schemas)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, sourcePatience)
	defer cancel()
	read := int64(0)
	err = f.wiring.Admin.Scan(within, what, func(r *pipeline.Record) error {
		if read++; read%4096 == 0 {
			f.progress("reading "+doing, read, of)
		}
		if len(f.answer.Rows) >= mostRows {
			f.answer.Looked.More = true
			return admin.ErrStop
		}
		return each(t, r)
	})
	f.answer.Looked.Rows += read
	if left > mostSourceRows || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		f.answer.Looked.Short = doing + " was not read to its end: name the row's position, or look again when less waits"
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
	}
	return err
}

// row reports whether a source row is what is looked for: by its key, or by what its sync would make of it, whatever its conditions say.
func (m *matcher) row(ctx context.Context, t *tracer, r *pipeline.Record) bool {
	if key := outcomes.AppendKey(nil, t.sync.Framing.Identity(r)); key != nil && m.prefixes[[outcomes.Prefix]byte(key)] {
		return true
	}
	items := &t.ungated.Items
	items.Reset()
	if _, rejected := errors.AsType[*pipeline.Rejection](t.ungated.Row(ctx, r, 0)); rejected {
		return t.holds(ctx, r, m.isPerson)
	}
	for i := range items.List {
		if id := items.ID(i); len(id) > 0 && m.isText(id) {
			return true
		}
		body := items.Body(i)
		for d := range m.digests {
			if bytes.Contains(body, m.hex[d]) || bytes.Contains(body, m.digests[d]) {
				return true
			}
		}
	}
	return false
}

// today says what a row would become with the configuration as it is now.
func (r *Row) today(ctx context.Context, t *tracer, record *pipeline.Record) *traced {
	out, err := t.trace(ctx, record)
	if err != nil {
		r.Today = "not known: " + err.Error()
		return nil
	}
	r.Today, r.Condition = out.words(), out.condition
	if r.EventID == "" {
		r.EventID = out.eventID
	}
	return out
}
