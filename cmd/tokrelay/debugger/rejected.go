package debugger

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// rejections is the page of rejected rows: reasons with their counts, and the newest letters of the topic.
type rejections struct {
	Syncs []string
	lettersChosen
	Newer, Older string // addresses of the pages beside this one
	States       string // why states are not known
	Reasons      []reasonView
	Started      time.Time // counts are of this process, since then
	Letters      []*deadletter.Explained
	Problem      string // why the topic could not be read
	Topic        string
	Deep         int64
	Known        []pipeline.Reason
}

// reasonView is a reason with what came of it.
type reasonView struct {
	Reason pipeline.Reason `json:"reason"`
	Rows   int64           `json:"rows"`
	Class  pipeline.Class  `json:"class"`
	Info   pipeline.ReasonInfo
	Share  string
	Chart  chart `json:"-"`
}

const (
	lettersShown = 100
	lettersDeep  = 2000 // records looked at, per partition
)

// lettersChosen are which letters are shown.
type lettersChosen struct {
	chosen
	Reason string
	All    bool // letters that are not open, too
	Page   int  // from 1
}

const mostPages = 50

func readLettersChosen(q url.Values) lettersChosen {
	page, _ := strconv.Atoi(q.Get("page"))
	return lettersChosen{readChosen(q), q.Get("reason"), q.Get("all") == "yes", max(1, min(page, mostPages))}
}

// page is the address of another page of the same choice.
func (c *lettersChosen) page(n int, q url.Values) string {
	kept := maps.Clone(q)
	kept.Set("page", strconv.Itoa(n))
	return "/rejected?" + kept.Encode()
}

func (p *Page) rejected(r *http.Request) (any, error) {
	q := r.URL.Query()
	v := &rejections{Syncs: p.syncNames(), lettersChosen: readLettersChosen(q), Started: p.started,
		Topic: p.d.Wiring.Config.DeadLetter.RejectedTopic, Deep: lettersDeep, Known: pipeline.Reasons()}
	v.Reasons = p.reasons(v.Sync)
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	if !p.d.Wiring.Config.Outcomes.Enabled {
		v.States = "outcomes.enabled is false: it is not known which rows are repaired, and all are shown."
	}
	all, err := p.newestLetters(ctx, v.lettersChosen)
	if err != nil {
		v.Problem = err.Error()
	}
	first := min((v.Page-1)*lettersShown, len(all))
	v.Letters = all[first:min(first+lettersShown, len(all))]
	if v.Page > 1 {
		v.Newer = v.page(v.Page-1, q)
	}
	if len(all) > first+lettersShown && v.Page < mostPages {
		v.Older = v.page(v.Page+1, q)
	}
	return v, nil
}

// reasons counts the rejections of a sync, or of all, since the start.
func (p *Page) reasons(only string) []reasonView {
	rows := map[pipeline.Reason]int64{}
	curves := map[pipeline.Reason][]float64{}
	var of span
	var all int64
	for _, name := range p.syncNames() {
		if only != "" && only != name {
			continue
		}
		f := p.sampler.figures(name)
		if f.Hour.since.After(of.until) {
			of = f.Hour.spanOf()
		}
		for reason, n := range f.Total.Rejected {
			if n > 0 {
				rows[reason] += n
				all += n
				curves[reason] = addUp(curves[reason], f.Hour.perSecond(ofReason(reason)))
			}
		}
	}
	var list []reasonView
	for reason := range maps.Keys(rows) {
		info := reason.Info()
		list = append(list, reasonView{Reason: reason, Rows: rows[reason], Class: info.Class, Info: info, Share: percent(rows[reason], all),
			Chart: newChart(string(reason), "rows/s", "stop", curves[reason], of)})
	}
	slices.SortFunc(list, func(a, b reasonView) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

// addUp adds curves that end at the same moment.
func addUp(a, b []float64) []float64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	sum := slices.Clone(a)
	for i := range b {
		sum[len(a)-len(b)+i] += b[i]
	}
	return sum
}

// newestLetters are the newest letters that are chosen: those of the pages up to the chosen one, and one more where there is one.
func (p *Page) newestLetters(ctx context.Context, c lettersChosen) ([]*deadletter.Explained, error) {
	return p.letters.get(c, func() ([]*deadletter.Explained, error) {
		states, err := p.d.Wiring.Config.LetterStates(ctx, p.d.Wiring.Admin, time.Time{}, nil)
		if err != nil {
			return nil, err
		}
		f := &deadletter.Filter{Syncs: given(c.Sync), Reasons: given(c.Reason), Since: c.from, Until: c.to}
		if !c.All {
			f.State = states.Open
		}
		most := c.Page*lettersShown + 1
		wanted := most
		if c.Text != "" { // of which it is not known before
			wanted = mostPages * lettersShown
		}
		found, err := p.d.NewestLetters(ctx, f, wanted, lettersDeep)
		var list []*deadletter.Explained
		for _, d := range found {
			e := deadletter.Explain(d)
			if len(list) < most && c.holds(d.Failed, e.Sync, string(e.Reason), e.Field, e.Source, e.EventID, e.Batch, e.Message) {
				e.State = states.OfLetter(d).String()
				list = append(list, e)
			}
		}
		return list, err
	})
}

// given is a list of the text, or none.
func given(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// letterPage is one rejected row, masked.
type letterPage struct {
	*deadletter.Explained
	Why   *find.Why
	Words string
	Calls []callRow // of its batch, as far as they are remembered
}

func (p *Page) letter(r *http.Request) (any, error) {
	partition, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	offset, other := strconv.ParseInt(r.PathValue("offset"), 10, 64)
	if err != nil || other != nil || partition < 0 || offset < 0 {
		return nil, errGone
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	d, err := p.d.Letter(ctx, int32(partition), offset)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, errGone
	}
	e := deadletter.Explain(d)
	became, err := p.d.Wiring.Config.Histories(ctx, p.d.Wiring.Admin, d)
	if err != nil {
		return nil, err
	}
	e.State, e.History = daemon.HistoryOf(d, became[daemon.RowOf(d)])
	if e.Row, err = p.d.Opener(false).Open(ctx, d); err != nil {
		e.Row = &deadletter.Row{Problem: err.Error()}
	}
	finder, err := p.finder()
	if err != nil {
		return nil, err
	}
	return &letterPage{Explained: e, Why: finder.Explainer().Why(ctx, d), Words: e.ClassInWords(), Calls: p.callsOfBatch(e)}, nil
}

func (p *Page) callsOfBatch(e *deadletter.Explained) []callRow {
	root, _, _ := strings.Cut(e.Batch, ".")
	if root == "" {
		return nil
	}
	return p.callRows(e.Sync, func(c *calls.Entry) bool { return c.Batch == root || strings.HasPrefix(c.Batch, root+".") }, 500)
}

// searchPath is the page's address of what became of the row at a place topic/partition/offset.
func searchPath(at string) string { return "/search?" + url.Values{"place": {at}}.Encode() }

// letterPath is the page's address of a letter, made of its place topic/partition/offset.
func letterPath(at string) string {
	parts := strings.Split(at, "/")
	if len(parts) < 3 {
		return "/rejected"
	}
	return "/rejected/" + parts[len(parts)-2] + "/" + parts[len(parts)-1]
}
