package find

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Finder answers questions about a configuration's syncs. It may be used by several goroutines.
type Finder struct {
	wiring  *daemon.Wiring
	jobs    func(sync string) *audiencefile.Job
	schemas *registry.Registry
}

// New makes one of a daemon, which need not run.
func New(d *daemon.Daemon) (*Finder, error) {
	schemas, err := d.Wiring.Config.Schemas()
	return &Finder{wiring: d.Wiring, jobs: d.FileJob, schemas: schemas}, err
}

// Options say how far to look.
type Options struct {
	Syncs    []string // none: all
	Since    time.Time
	Progress func(what string, done, of int64) // called from several goroutines; nil: nobody asks
	Patience time.Duration                     // for each topic that is read by its rows; 0: as long as it takes
}

// search is one question at work. It belongs to one goroutine.
type search struct {
	*Finder
	question *Question
	options  Options
	syncs    []*daemon.Sync
	answer   *Answer
}

// Find answers a question. What could not be looked at is among the answer's problems; the error says that Kafka could not be asked, or
// that ctx ended.
func (f *Finder) Find(ctx context.Context, q *Question, o Options) (*Answer, error) {
	s := &search{Finder: f, question: q, options: o, answer: &Answer{Asked: q.As.Words(), rows: map[rowID]*Row{}}}
	if err := f.wiring.Admin.Ping(ctx); err != nil {
		return nil, err
	}
	for i := range f.wiring.Config.Syncs {
		if one := &f.wiring.Config.Syncs[i]; len(o.Syncs) == 0 || slices.Contains(o.Syncs, one.Name) {
			s.syncs = append(s.syncs, one)
		}
	}
	if never, err := f.wiring.NeverRan(ctx); err == nil && !never {
		err = f.wiring.State.Refresh(ctx)
		s.problem("the state topic", err)
	}
	if q.Place != nil {
		s.position(ctx, *q.Place)
	} else {
		s.rows(ctx)
	}
	s.answer.refusals()
	s.holds(ctx)
	s.answer.conclude(q)
	return s.answer, ctx.Err()
}

// holds says of rows that wait what their syncs wait for.
func (f *search) holds(ctx context.Context) {
	if !slices.ContainsFunc(f.answer.Rows, func(r *Row) bool { return r.State == Waiting }) {
		return
	}
	states, err := f.wiring.GroupStates(ctx, f.wiring.State)
	f.problem("what syncs wait for", err)
	for _, g := range states {
		why := ""
		switch {
		case g.Verdict == daemon.NotRunning:
			why = "; no instance runs the sync"
		case len(g.Waits) > 0:
			why = "; the sync waits for " + g.Waits[0].What
		}
		for _, r := range f.answer.Rows {
			if r.Sync == g.Sync && r.State == Waiting {
				r.Words += why
			}
		}
	}
}

// problem notes what could not be looked at.
func (f *search) problem(what string, err error) {
	if err != nil {
		f.answer.Problems = append(f.answer.Problems, what+" could not be looked at: "+err.Error())
	}
}

func (f *search) progress(what string, done, of int64) {
	if f.options.Progress != nil {
		f.options.Progress(what, done, of)
	}
}

// within is ctx for as long as the caller has patience with one topic.
func (f *search) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.options.Patience > 0 {
		return context.WithTimeout(ctx, f.options.Patience)
	}
	return context.WithCancel(ctx)
}

// conclude answers in a sentence: of the newest rows, for an event, a key or a position; of memberships and rows for a person.
func (a *Answer) conclude(q *Question) {
	slices.SortStableFunc(a.Rows, func(x, y *Row) int {
		return cmp.Or(y.Changed.Compare(x.Changed), strings.Compare(x.Sync, y.Sync), cmp.Compare(y.at.Offset, x.at.Offset))
	})
	var parts []string
	tone := Idle
	say := func(text string, t Tone) {
		if !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
		if rank(t) > rank(tone) {
			tone = t
		}
	}
	for _, m := range a.Memberships {
		if m.In || m.Pending || m.Refused || m.Unknown != "" {
			say(m.Words, m.Tone)
		}
	}
	if q.Place != nil {
		parts = nil
		for _, r := range a.Rows {
			say(r.verdict(len(a.Rows) > 1), r.Tone())
		}
	} else {
		for state, n := range a.states() {
			say(stateWords(state, n, len(a.Rows)), tones[state])
		}
	}
	if len(parts) == 0 {
		parts = a.nothing(q)
	}
	for i := range parts {
		parts[i] = sentence(parts[i])
	}
	a.Verdict, a.Tone = strings.Join(parts, " "), tone
}

// verdict is what became of the row, in which sync where there are several.
func (r *Row) verdict(several bool) string {
	if several {
		return r.Words + " (sync " + r.Sync + ")"
	}
	return r.Words
}

// rank orders tones: what needs an operator comes before what is well.
func rank(t Tone) int { return slices.Index([]Tone{Idle, Good, Wait, Stop}, t) }

// states counts the rows by their state.
func (a *Answer) states() func(yield func(State, int) bool) {
	counts := map[State]int{}
	for _, r := range a.Rows {
		counts[r.State]++
	}
	return func(yield func(State, int) bool) {
		for _, state := range []State{Rejected, Failed, Waiting, Delivered, Asserted, Uploaded, NoUpload, Skipped, Forgotten, Gone, Absent} {
			if n := counts[state]; n > 0 && !yield(state, n) {
				return
			}
		}
	}
}

func stateWords(state State, n, of int) string {
	what := map[State]string{Rejected: "rejected", Failed: "given up after it failed", Waiting: "not read yet", Delivered: "sent, and accepted by TikTok",
		Asserted: "handed to the audience's owners", Uploaded: "in an upload", NoUpload: "in no upload yet", Skipped: "skipped", Forgotten: "settled, and how is not known any more",
		Gone: "not in Kafka any more", Absent: "not there"}[state]
	if of == 1 {
		return what
	}
	return strconv.Itoa(n) + " of " + strconv.Itoa(of) + " rows " + what
}

// nothing says where nothing was found.
func (a *Answer) nothing(q *Question) []string {
	text := "nothing is known of " + q.As.Words() + " like that"
	for _, m := range a.Memberships {
		text = m.Words
		if len(a.Memberships) > 1 {
			text = "in none of the audiences"
		}
		break
	}
	if a.Looked.Off {
		return []string{text, "outcomes are switched off, so rows are not found by what they hold"}
	}
	if since := a.Looked.Since; !since.IsZero() {
		return []string{text, "no row settled" + at(" since ", since)}
	}
	return []string{text, "no row settled in the time that outcomes are kept"}
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// place is a position as logs and letters have it.
func place(p pipeline.Position) string {
	return p.Topic + "/" + strconv.Itoa(int(p.Partition)) + "/" + strconv.FormatInt(p.Offset, 10)
}

func positionOf(w *owners.Wanter) pipeline.Position {
	return pipeline.Position{Topic: w.Topic, Partition: w.Partition, Offset: w.Offset}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// at is a time in a sentence; nothing where it is not known.
func at(before string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return before + stamp(t)
}

func short(hash []byte) string { return fmt.Sprintf("%x", hash[:min(4, len(hash))]) }
