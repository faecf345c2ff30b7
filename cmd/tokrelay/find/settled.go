package find

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
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
	if f.question.As.isPerson() {
		looking.Go(func() { people.memberships(ctx, f.question.Digests) })
	}
	f.ended(ctx)
	looking.Wait()
	f.answer.Memberships = people.answer.Memberships
	f.answer.Problems = append(f.answer.Problems, people.answer.Problems...)
	f.answer.Looked.Short = cmp.Or(f.answer.Looked.Short, people.answer.Looked.Short)
}

// ended finds rows: those that have settled, those that wait, and where there are none those that were skipped.
func (f *search) ended(ctx context.Context) {
	wanted := newMatcher(f.question, f.wiring.Config.Countries())
	f.problem("the topic of outcomes", f.settled(ctx, outcomes.Options{Since: f.options.Since, Window: firstWindow}, wanted.outcome))
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

// matcher knows what is looked for when it sees it.
type matcher struct {
	prefixes map[[outcomes.Prefix]byte]bool
	texts    map[[sha256.Size]byte]bool // hashes of what may be an event id
	digests  [][]byte
	hex      [][]byte

	countries []identity.Country // of numbers in national form
}

func newMatcher(q *Question, countries []identity.Country) *matcher {
	m := &matcher{countries: countries, prefixes: map[[outcomes.Prefix]byte]bool{}, texts: map[[sha256.Size]byte]bool{}, digests: q.Digests}
	for _, d := range q.Digests {
		m.prefixes[[outcomes.Prefix]byte(d)] = true
		if len(d) == sha256.Size && q.As != Email && q.As != Phone && q.As != Device && q.As != Key {
			m.texts[[sha256.Size]byte(d)] = true
		}
		m.hex = append(m.hex, []byte(hexOf(d)))
	}
	return m
}

// outcome reports whether an outcome is of what is looked for: its person, its key or its event id.
func (m *matcher) outcome(o *outcomes.Outcome) bool {
	if len(o.Key) == outcomes.Prefix && m.prefixes[[outcomes.Prefix]byte(o.Key)] {
		return true
	}
	for rest := o.Digests; len(rest) >= outcomes.Prefix; rest = rest[outcomes.Prefix:] {
		if m.prefixes[[outcomes.Prefix]byte(rest)] {
			return true
		}
	}
	return len(o.EventID) > 0 && m.isText(o.EventID)
}

// isForm reports whether a text has the hash of a form of what was typed.
func (m *matcher) isForm(text []byte) bool {
	sum := sha256.Sum256(text)
	return m.isDigest(sum[:])
}

func (m *matcher) isDigest(digest []byte) bool {
	return m.prefixes[[outcomes.Prefix]byte(digest)] && slices.ContainsFunc(m.digests, func(d []byte) bool { return bytes.Equal(d, digest) })
}

func (m *matcher) isHash(h identity.Hash, err error) bool {
	return err == nil && !h.IsZero() && m.isDigest(h.AppendDigest(nil))
}

func (m *matcher) isText(text []byte) bool {
	return len(m.texts) > 0 && m.texts[sha256.Sum256(text)]
}

// settled reads outcomes and adds the rows of those that are wanted, with what happened to them.
func (f *search) settled(ctx context.Context, o outcomes.Options, wanted func(*outcomes.Outcome) bool) error {
	config := f.wiring.Config
	if f.answer.Looked.Off = !config.Outcomes.Enabled; f.answer.Looked.Off {
		return nil
	}
	o.Progress = func(p outcomes.Progress) {
		f.progress("reading outcomes"+at(" back to ", p.Since), p.Read, p.Of)
	}
	var found []*outcomes.Outcome
	progress, err := outcomes.Scan(ctx, config.OutcomesIn(f.wiring.Admin), o, func(_ *pipeline.Record, out *outcomes.Outcome) error {
		if !wanted(out) || !f.isAsked(out.Sync) {
			return nil
		}
		if f.answer.Looked.More = len(found) >= mostRows*4; !f.answer.Looked.More {
			found = append(found, out.Clone())
		}
		return nil
	})
	f.answer.Looked.Since, f.answer.Looked.Outcomes = progress.Since, progress.Read
	slices.SortStableFunc(found, func(x, y *outcomes.Outcome) int { return int(x.Settled - y.Settled) })
	for _, out := range found {
		f.add(out)
	}
	return err
}

func (f *search) isAsked(sync string) bool {
	return len(f.options.Syncs) == 0 || slices.Contains(f.options.Syncs, sync)
}

// add adds an outcome to its row: they come in the order in which they happened.
func (f *search) add(o *outcomes.Outcome) {
	if id := (rowID{o.Sync, o.Position()}); f.answer.rows[id] == nil && len(f.answer.Rows) >= mostRows {
		f.answer.Looked.More = true
		return
	}
	r := f.answer.row(o.Sync, o.Position())
	r.Changed = o.ChangedAt().UTC()
	if len(o.EventID) > 0 {
		r.EventID = string(o.EventID)
	}
	e := Event{At: o.SettledAt().UTC(), Outcome: o.End.String(), Reason: o.Reason, RequestID: o.RequestID, Call: o.Call, Replay: o.Replay, By: o.By}
	if o.Action != outcomes.None {
		e.Action = o.Action.String()
	}
	if o.HasCode {
		e.Code = strconv.Itoa(o.Code)
	}
	r.happened(e)
	r.endedAs(f, o)
}

// happened notes an event; a row that was read again and ended alike has one more of the same.
func (r *Row) happened(e Event) {
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
func (r *Row) endedAs(f *search, o *outcomes.Outcome) {
	r.Condition, r.Reason, r.Field, r.From, r.Cure = "", "", "", "", ""
	again := at(" at ", o.SettledAt())
	if o.Replay != "" {
		again = at(", by a replay at ", o.SettledAt())
	}
	switch o.End {
	case outcomes.Delivered:
		r.State, r.Words = Delivered, "sent, and accepted by TikTok"+again
		if wasDead := slices.ContainsFunc(r.History, func(e Event) bool {
			return e.Outcome == outcomes.Rejected.String() || e.Outcome == outcomes.Failed.String()
		}); wasDead {
			r.Words = "repaired: " + r.Words
		}
		r.Letter = ""
	case outcomes.Asserted:
		r.State, r.Words, r.Letter = Asserted, "handed"+again+" to the audience's owners, who tell TikTok what changes", ""
	case outcomes.Skipped:
		r.State, r.Words = Skipped, skipped(pipeline.SkipReason(o.Reason), "")
	default:
		r.State = map[outcomes.End]State{outcomes.Rejected: Rejected, outcomes.Failed: Failed}[o.End]
		of, _ := f.wiring.Config.Sync(o.Sync)
		r.explain(of, pipeline.Reason(o.Reason), o.Field)
		r.Words = "rejected" + again + ": " + r.Words
		if r.From == "" && o.Column != "" {
			r.From = "column `" + o.Column + "`"
		}
		if o.Letter.Known {
			r.Letter = deadletter.PlaceText(pipeline.Position{Topic: f.wiring.Config.DeadLetter.RejectedTopic, Partition: o.Letter.Partition, Offset: o.Letter.Offset})
		}
	}
}
