package find

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// mostLetters are opened of each partition of the rejected topic, the newest.
const mostLetters = 100_000

// patience is how long dead letters, or the rows of one sync's source, are read for one question.
const patience = 4 * time.Second

// refused looks among the dead letters for a person: of a row that was rejected before it was hashed there is no digest in its outcome.
func (f *search) refused(ctx context.Context, wanted *matcher) error {
	if !wanted.person {
		return nil
	}
	letters := daemon.LettersIn(f.wiring.Admin)
	span, err := deadletter.SpanOf(ctx, letters, f.wiring.Config.DeadLetter.RejectedTopic, f.options.Since, time.Time{})
	if err != nil {
		return err
	}
	all := span.Records
	span.Latest(mostLetters)
	tracers := map[string]*tracer{}
	for _, s := range f.syncs {
		if tracers[s.Name], err = f.tracer(s); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, read := map[outcomes.Row]*deadletter.Dead{}, int64(0)
	seen := func() {
		if read++; read%4096 == 0 {
			f.progress("reading rejected rows", read, span.Records)
		}
	}
	err = deadletter.Rows(within, letters, span, &deadletter.Filter{Syncs: f.options.Syncs}, seen, func(r *pipeline.Record, h *deadletter.Head) error {
		t := tracers[string(h.Sync)]
		if t == nil || !t.holds(within, r, wanted.isPerson) {
			return within.Err()
		}
		d, err := deadletter.Parse(deadletter.Keep(r))
		if err != nil {
			return err
		}
		if found[daemon.RowOf(d)] = d; len(found) > mostRows {
			f.answer.Looked.More = true
			return admin.ErrStop
		}
		return nil
	})
	late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if late || span.Records < all {
		f.note("not all rejected rows were opened: tokrelay dlq show --key finds one by its key, and its place is one fetch")
	}
	if err != nil && !late {
		return err
	}
	return f.becameOf(ctx, found)
}

// becameOf adds the rows of letters, and what became of them afterwards.
func (f *search) becameOf(ctx context.Context, letters map[outcomes.Row]*deadletter.Dead) error {
	for id := range letters {
		if f.answer.known(id) != nil {
			delete(letters, id)
		}
	}
	if len(letters) == 0 {
		return nil
	}
	_, err := f.settled(ctx, outcomes.Options{Partitions: []int32{outcomes.LettersPartition}, Since: f.options.Since}, func(o *outcomes.Outcome) bool {
		return letters[o.Row()] != nil
	})
	for id, d := range letters {
		if f.answer.known(id) == nil {
			s, _ := f.wiring.Config.Sync(d.Sync)
			f.answer.row(id).read(s, d)
		}
	}
	return err
}

// read takes over what a row's dead letter says of it.
func (r *Row) read(s *daemon.Sync, d *deadletter.Dead) {
	if r.State = Rejected; d.Rejection.Class() == pipeline.ClassFailed {
		r.State = Failed
	}
	r.Letter = d.At.String()
	r.explain(s, d.Rejection.Reason, d.Rejection.Field)
	if m := d.Message(); m != "" {
		r.Words = m
	}
	r.Words = "rejected" + at(" at ", d.Failed) + ": " + r.Words
}
