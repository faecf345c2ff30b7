package debugger

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/identity"
)

// found is the answer to what was looked for, on whatever page it was asked.
type found struct {
	*find.Answer
	Calls map[string]string // addresses of calls that are remembered, by batch id
	Since string            // the stretch of time that was asked for
	Back  []stretch         // longer ones
}

// stretch is how far back is looked.
type stretch struct {
	Hours string
	Words string
}

const (
	searchFor   = 60 * time.Second
	filePatient = 8 * time.Second // for the topic of each file audience
	mostAtOnce  = 2               // questions of all browsers together: each reads a lot
)

// stretches are those a browser may ask for, the shortest first.
var stretches = []stretch{{"24", "a day"}, {"168", "7 days"}, {"0", "all that is kept"}}

// search answers what became of digests or a position. What a person typed was hashed in the browser: only digests and positions in Kafka
// arrive here.
func (p *Page) search(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem{http.StatusBadRequest, "the search could not be read"}
	}
	q, err := find.Asked(r.Form.Get("as"), r.Form["digest"], r.Form.Get("place"))
	if err != nil {
		return nil, problem{http.StatusBadRequest, err.Error()}
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchFor)
	defer cancel()
	select {
	case p.searches <- struct{}{}:
		defer func() { <-p.searches }()
	case <-ctx.Done():
		return nil, problem{http.StatusServiceUnavailable, "others are searching: try again in a minute"}
	}
	f := &found{Since: r.Form.Get("hours")}
	finder, err := p.finder()
	if err != nil {
		return nil, err
	}
	if f.Answer, err = finder.Find(ctx, q, find.Options{Since: f.since(), Patience: filePatient}); err != nil {
		return nil, err
	}
	f.Calls = p.callsOf(ctx, f.Rows)
	return f, nil
}

// since is when the stretch began that was asked for, and notes which are longer.
func (f *found) since() time.Time {
	i := max(0, slices.IndexFunc(stretches, func(s stretch) bool { return s.Hours == f.Since }))
	f.Since, f.Back = stretches[i].Hours, stretches[i+1:]
	hours, _ := strconv.Atoi(f.Since)
	if hours == 0 {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(hours) * time.Hour)
}

// callsOf are the addresses of the calls by which the rows were sent, of those that are remembered.
func (p *Page) callsOf(ctx context.Context, rows []*find.Row) map[string]string {
	wanted := map[string]bool{}
	for _, r := range rows {
		for _, e := range r.History {
			if e.Call != "" {
				wanted[e.Call] = true
			}
		}
	}
	addresses := map[string]string{}
	if len(wanted) == 0 {
		return addresses
	}
	p.book.look(ctx)
	for _, e := range p.book.last("", 1<<20, func(e *calls.Entry) bool { return wanted[e.Batch] }) {
		addresses[e.Batch] = "/calls/" + id(e)
	}
	return addresses
}

// callingCodes are those of the countries, so that the browser can try numbers in national form.
func callingCodes(countries []identity.Country) string {
	var codes []string
	for _, country := range countries {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country.String()))
		if code != "0" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return strings.Join(codes, " ")
}
