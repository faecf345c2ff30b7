package find

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
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

// Explainer explains dead letters of the same configuration.
func (f *Finder) Explainer() *Explainer {
	return NewExplainer(f.wiring.Config, f.wiring.Admin, f.schemas)
}

// Options say how far to look.
type Options struct {
	Syncs    []string // none: all
	Since    time.Time
	Progress func(what string, done, of int64) // called from several goroutines; nil: nobody asks
	Patience time.Duration                     // for the topic of each file audience; 0: as long as it takes
}

// search is one question at work. It belongs to one goroutine.
type search struct {
	*Finder
	question *Question
	options  Options
	syncs    []*daemon.Sync
	tracers  map[string]*tracer // by sync
	answer   *Answer
}

// Find answers a question. What could not be looked at is among the answer's problems; the error says that Kafka could not be asked, or
// that ctx ended.
func (f *Finder) Find(ctx context.Context, q *Question, o Options) (*Answer, error) {
	s := &search{Finder: f, question: q, options: o, tracers: map[string]*tracer{}, answer: &Answer{Asked: q.As.Words()}}
	if err := f.wiring.Admin.Ping(ctx); err != nil {
		return nil, err
	}
	for i := range f.wiring.Config.Syncs {
		if one := &f.wiring.Config.Syncs[i]; s.isAsked(one.Name) {
			s.syncs = append(s.syncs, one)
		}
	}
	never, err := f.wiring.NeverRan(ctx)
	if err == nil && !never {
		err = f.wiring.State.Refresh(ctx)
	}
	s.problem("the state topic", err)
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
		f.note(what + " could not be looked at: " + err.Error())
	}
}

func (f *search) note(text string) { f.answer.Problems = append(f.answer.Problems, text) }

func (f *search) isAsked(sync string) bool {
	return len(f.options.Syncs) == 0 || slices.Contains(f.options.Syncs, sync)
}

// tracer is that of a sync.
func (f *search) tracer(s *daemon.Sync) (*tracer, error) {
	if t := f.tracers[s.Name]; t != nil {
		return t, nil
	}
	t, err := newTracer(s, f.schemas)
	if err == nil {
		f.tracers[s.Name] = t
	}
	return t, err
}

func (f *search) progress(what string, done, of int64) {
	if f.options.Progress != nil {
		f.options.Progress(what, done, of)
	}
}

// conclude answers in a sentence: of its rows for a position, else of memberships and of how many rows are in which state.
func (a *Answer) conclude(q *Question) {
	slices.SortStableFunc(a.Rows, func(x, y *Row) int {
		return cmp.Or(y.Changed.Compare(x.Changed), strings.Compare(x.Sync, y.Sync), cmp.Compare(y.id.Offset, x.id.Offset))
	})
	var parts []string
	tone := Idle
	say := func(text string, t Tone) {
		if text = sentence(text); !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
		if rank(t) > rank(tone) {
			tone = t
		}
	}
	switch {
	case q.Place != nil && len(a.Rows) == 1:
		say(a.Rows[0].Words, a.Rows[0].Tone())
	case q.Place != nil:
		for _, r := range a.Rows {
			say(r.Words+" (sync "+r.Sync+")", r.Tone())
		}
	default:
		a.count(say)
	}
	if len(parts) == 0 {
		for _, text := range a.nothing(q) {
			say(text, Idle)
		}
	}
	a.Verdict, a.Tone = strings.Join(parts, " "), tone
}

// count says of memberships which there are, and of rows how many are in which state.
func (a *Answer) count(say func(text string, t Tone)) {
	for _, m := range a.Memberships {
		if m.In || m.Pending || m.Refused || m.Unknown != "" {
			say(m.Words, m.Tone)
		}
	}
	for _, s := range states {
		n := 0
		for _, r := range a.Rows {
			if r.State == s.State {
				n++
			}
		}
		switch {
		case n > 0 && len(a.Rows) == 1:
			say(s.words, s.Tone)
		case n > 0:
			say(fmt.Sprintf("%d of %d rows %s", n, len(a.Rows), s.words), s.Tone)
		}
	}
}

// rank orders tones: what needs an operator comes before what is well.
func rank(t Tone) int { return slices.Index([]Tone{Idle, Good, Wait, Stop}, t) }

// nothing says where nothing was found.
func (a *Answer) nothing(q *Question) []string {
	text := "nothing is known of " + q.As.Words() + " like that"
	if q.Place != nil {
		return []string{text}
	}
	switch len(a.Memberships) {
	case 0:
	case 1:
		text = a.Memberships[0].Words
	default:
		text = "in none of the audiences"
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

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// at is a time in a sentence; nothing where it is not known.
func at(before string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return before + stamp(t)
}
