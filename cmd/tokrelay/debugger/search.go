package debugger

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// found is what a search found: whether the event of this person is there, and what happened to it.
type found struct {
	Verdict  string
	Tone     string
	Calls    []foundCall
	Letters  []*deadletter.Explained
	Looked   int
	Oldest   time.Time // the oldest call that was looked at
	Topic    bool      // and those of all instances, from their topic
	Deep     int64
	Rows     []foundRow // in source topics, looked at where nothing else was found
	RowsDeep int64
	Problems []string
}

// foundCall is an item of a call.
type foundCall struct {
	callRow
	Item    int // from 1
	At      string
	EventID string
}

const (
	mostFound   = 100
	mostDigests = 48
	searchFor   = 15 * time.Second
)

// search looks for digests and places among the remembered calls and the newest letters. What a person typed was hashed
// in the browser: only digests and places in Kafka arrive here.
func (p *Page) search(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem{http.StatusBadRequest, "the search could not be read"}
	}
	q, ok := newQuest(r.Form["digest"], r.Form.Get("place"))
	if !ok {
		return nil, problem{http.StatusBadRequest, "nothing to look for: give digests or a place topic/partition/offset"}
	}
	q.countries = p.d.Wiring.Config.Countries()
	f := &found{Deep: lettersDeep}
	ctx, cancel := context.WithTimeout(r.Context(), searchFor)
	defer cancel()
	f.problem("the topic of calls", p.searchCalls(ctx, q, f))
	f.problem("rejected rows", p.searchLetters(ctx, q, f))
	if len(f.Calls) == 0 && len(f.Letters) == 0 {
		f.problem("source topics", p.searchSources(ctx, q, f))
	}
	slices.SortStableFunc(f.Calls, func(x, y foundCall) int { return y.Time.Compare(x.Time) })
	f.conclude()
	return f, nil
}

// problem notes what could not be searched.
func (f *found) problem(what string, err error) {
	if err != nil {
		f.Problems = append(f.Problems, what+" could not be searched: "+err.Error())
	}
}

// searchCalls looks through the calls in memory, and in their topic for those that are not there.
func (p *Page) searchCalls(ctx context.Context, q *quest, f *found) error {
	have := map[callIdentity]bool{}
	for _, e := range p.d.Wiring.Calls.Last("", 1<<20, nil) {
		have[p.book.identity(e)] = !e.Brief
		f.Looked++
		f.Oldest = e.Time
		f.take(p, q, e)
	}
	if p.book.history == nil {
		return nil
	}
	seen, err := p.book.history.Search(ctx, q.wants, func(e *calls.Entry) {
		if !have[p.book.identity(e)] {
			f.take(p, q, e)
		}
	})
	f.Topic, f.Looked = true, max(f.Looked, seen.Calls)
	if f.Oldest.IsZero() || !seen.Since.IsZero() && seen.Since.Before(f.Oldest) {
		f.Oldest = seen.Since
	}
	return err
}

// take adds what a call holds of the quest.
func (f *found) take(p *Page, q *quest, e *calls.Entry) {
	if len(f.Calls) >= mostFound {
		return
	}
	for _, item := range q.in(e) {
		f.Calls = append(f.Calls, foundCall{callRow: p.newCallRow(e), Item: item + 1, At: place(e.Rows[item]), EventID: e.Rows[item].EventID})
	}
}

// searchLetters looks at the newest letters: their event id and key, and every text of their rows, as it is and as the
// identifiers it may be. The rows are read in clear, inside this function alone.
func (p *Page) searchLetters(ctx context.Context, q *quest, f *found) error {
	list, err := p.d.NewestLetters(ctx, &deadletter.Filter{}, 5000, lettersDeep)
	if err != nil {
		return err
	}
	opener := p.d.Opener(true)
	for _, d := range list {
		is := d.Record.Position() == placeText(q.place) || q.isText(d.Rejection.EventID) || q.isText(string(d.Record.Key))
		if !is && len(q.digests) > 0 && d.Omitted == "" {
			if is, err = q.inRow(ctx, opener, d); err != nil {
				return err
			}
		}
		if is && len(f.Letters) < mostFound {
			f.Letters = append(f.Letters, deadletter.Explain(d))
		}
	}
	return nil
}

func placeText(at *pipeline.Position) string {
	if at == nil {
		return ""
	}
	return place(*at)
}

func (q *quest) inRow(ctx context.Context, opener *deadletter.Opener, d *deadletter.Dead) (bool, error) {
	row, err := opener.Open(ctx, d)
	if err != nil {
		return false, err
	}
	for _, c := range slices.Concat(row.After, row.Before) {
		if q.isPerson(c.Value) {
			return true, nil
		}
	}
	return false, nil
}

// conclude answers the question in a sentence.
func (f *found) conclude() {
	accepted := slices.ContainsFunc(f.Calls, func(c foundCall) bool { return c.Tone == "good" })
	switch {
	case len(f.Calls) == 0 && len(f.Letters) == 0 && len(f.Rows) > 0:
		f.Tone, f.Verdict = "wait", "In the source, and in no call or rejection that is remembered."
	case len(f.Calls) == 0 && len(f.Letters) == 0:
		f.Tone, f.Verdict = "idle", "Not among what is remembered."
	case accepted && len(f.Letters) > 0:
		f.Tone, f.Verdict = "wait", "Sent and accepted, and rows were rejected too."
	case accepted:
		f.Tone, f.Verdict = "good", "Sent, and accepted by TikTok."
	case len(f.Letters) > 0:
		f.Tone, f.Verdict = "stop", "Rejected."
	default:
		f.Tone, f.Verdict = "wait", "Sent, and not accepted so far."
	}
}
