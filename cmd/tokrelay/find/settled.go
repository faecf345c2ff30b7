package find

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// mostRows are told of one question.
const mostRows = 200

// firstWindow is the newest stretch of outcomes, which is read first.
const firstWindow = time.Hour

// rows answers of a person, an event or a key: what settled, what waits, where nothing was found what was skipped, and the present
// memberships.
func (f *search) rows(ctx context.Context) {
	people := *f // looks at the same time, for itself
	people.answer = &Answer{}
	var looking sync.WaitGroup
	if kinds[f.question.As].audience {
		looking.Go(func() { people.memberships(ctx, people.syncs, f.question.Digests) })
	}
	f.ended(ctx)
	looking.Wait()
	f.answer.Memberships = people.answer.Memberships
	f.answer.Problems = append(f.answer.Problems, people.answer.Problems...)
}

// ended finds rows: those that have settled, those that wait, and where there are none those that were skipped.
func (f *search) ended(ctx context.Context) {
	wanted := newMatcher(f.question, f.wiring.Config.Countries())
	since, err := f.settled(ctx, outcomes.Options{Since: f.options.Since, Window: firstWindow}, wanted.outcome)
	f.answer.Looked.Since = since
	f.problem("the topic of outcomes", err)
	f.problem("rejected rows", f.refused(ctx, wanted))
	for _, s := range f.syncs {
		f.problem("what sync "+s.Name+" has not read yet", f.unread(ctx, s, wanted))
	}
	if len(f.answer.Rows) > 0 {
		return
	}
	for _, s := range f.syncs {
		f.problem("what sync "+s.Name+" skipped", f.passed(ctx, s, wanted))
	}
}

// settled reads outcomes, and adds the rows of those that are wanted with what happened to them: the newest rows, where they are very many.
// It returns since when all outcomes were read; the zero time says that there are none before.
func (f *search) settled(ctx context.Context, o outcomes.Options, wanted func(*outcomes.Outcome) bool) (since time.Time, err error) {
	config := f.wiring.Config
	if f.answer.Looked.Off = !config.Outcomes.Enabled; f.answer.Looked.Off {
		return since, nil
	}
	o.Progress = func(p outcomes.Progress) {
		f.progress("reading outcomes"+at(" back to ", p.Since), p.Read, p.Of)
	}
	var found []*outcomes.Outcome
	most := 4 * mostRows
	progress, err := outcomes.Scan(ctx, config.OutcomesIn(f.wiring.Admin), o, func(out *outcomes.Outcome) error {
		if f.isAsked(out.Sync) && wanted(out) {
			found = append(found, out.Clone())
		}
		if len(found) > most {
			found = f.newest(found)
			most = 2*len(found) + 4*mostRows
		}
		return nil
	})
	f.answer.Looked.Outcomes += progress.Read
	for _, out := range f.newest(found) {
		f.add(out)
	}
	return progress.Since, err
}

// newest are the outcomes of the newest rows, in the order in which they happened.
func (f *search) newest(found []*outcomes.Outcome) []*outcomes.Outcome {
	slices.SortStableFunc(found, func(x, y *outcomes.Outcome) int { return cmp.Compare(x.Settled, y.Settled) })
	rows := map[outcomes.Row]bool{}
	for _, out := range slices.Backward(found) {
		if !rows[out.Row()] && len(rows) == mostRows {
			f.answer.Looked.More = true
			break
		}
		rows[out.Row()] = true
	}
	return slices.DeleteFunc(found, func(out *outcomes.Outcome) bool { return !rows[out.Row()] })
}

// add adds an outcome to its row: they come in the order in which they happened.
func (f *search) add(o *outcomes.Outcome) {
	r := f.answer.row(o.Row())
	if len(o.EventID) > 0 {
		r.EventID = string(o.EventID)
	}
	r.happened(daemon.EventOf(o))
	r.endedAs(f.wiring.Config, o)
}

// happened notes an event; a row that was read again and ended alike has one more of the same.
func (r *Row) happened(e deadletter.Event) {
	if n := len(r.History); n > 0 {
		if last := &r.History[n-1]; last.Outcome == e.Outcome && last.Reason == e.Reason && last.Replay == "" && e.Replay == "" {
			e.Again = max(last.Again, 1) + 1
			*last = e
			return
		}
	}
	r.History = append(r.History, e)
}

// endedAs takes over how a row ended last.
func (r *Row) endedAs(config *daemon.Config, o *outcomes.Outcome) {
	wasDead := r.isDead()
	r.Reason, r.Field, r.From, r.Cure = "", "", "", ""
	again := at(" at ", o.SettledAt())
	if o.Replay != "" {
		again = at(", by a replay at ", o.SettledAt())
	}
	switch o.End {
	case outcomes.Delivered:
		r.State, r.Words = Delivered, "sent, and accepted by TikTok"+again
	case outcomes.Asserted:
		r.State, r.Words = Asserted, "handed"+again+" to the audience's owners, who tell TikTok what changes"
	case outcomes.Skipped:
		r.skip = pipeline.SkipReason(o.Reason)
		r.State, r.Words = Skipped, skipped(r.skip, "")
	case outcomes.Rejected, outcomes.Failed:
		r.rejectedAs(config, o)
		r.Words = "rejected" + again + ": " + r.Words
		return
	default:
		r.State, r.Words = Forgotten, "settled"+again+"; a later version of tokrelay wrote how"
	}
	if r.Letter, r.refused = "", nil; wasDead && r.State == Delivered {
		r.Words = "repaired: " + r.Words
	}
}

// rejectedAs takes over why a row is a dead letter.
func (r *Row) rejectedAs(config *daemon.Config, o *outcomes.Outcome) {
	if r.State = Rejected; o.End == outcomes.Failed {
		r.State = Failed
	}
	s, _ := config.Sync(o.Sync) // nil: it is not there any more
	r.explain(s, pipeline.Reason(o.Reason), o.Field)
	if r.From == "" && o.Column != "" {
		r.From = "column `" + o.Column + "`"
	}
	if o.Letter.Known {
		r.Letter = pipeline.Position{Topic: config.DeadLetter.RejectedTopic, Partition: o.Letter.Partition, Offset: o.Letter.Offset}.String()
	}
	r.refused = append(r.refused, o.Digests...)
}
