package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/letters"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// found is what a search found: "is this person's event there, and what happened to it?"
type found struct {
	Verdict string
	Tone    string
	Calls   []foundCall
	Letters []*letters.Explained
	Looked  int
	Oldest  time.Time // the oldest call that was looked at
	Deep    int64
	Problem string
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
	mostDigests = 24
)

// search looks for digests and places among the remembered calls and the newest letters. What a person typed was hashed
// in the browser: only SHA-256 digests and places in Kafka arrive here.
func (p *Page) search(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem{http.StatusBadRequest, "the search could not be read"}
	}
	q, ok := newQuest(r.Form["digest"], r.Form.Get("place"))
	if !ok {
		return nil, problem{http.StatusBadRequest, "nothing to look for: give digests or a place topic/partition/offset"}
	}
	f := &found{Deep: lettersDeep}
	p.searchCalls(q, f)
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	if err := p.searchLetters(ctx, q, f); err != nil {
		f.Problem = "rejected rows could not be searched: " + err.Error()
	}
	f.conclude()
	return f, nil
}

// quest is what is looked for.
type quest struct {
	digests map[[sha256.Size]byte]bool
	hex     [][]byte
	place   *pipeline.Position
}

func newQuest(digests []string, at string) (*quest, bool) {
	q := &quest{digests: map[[sha256.Size]byte]bool{}}
	for _, text := range digests[:min(len(digests), mostDigests)] {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return nil, false
		}
		q.digests[[sha256.Size]byte(sum)] = true
		q.hex = append(q.hex, []byte(strings.ToLower(text)))
	}
	if position, err := letters.ParsePlace(at); err == nil {
		q.place = &position
	}
	return q, len(q.hex) > 0 || q.place != nil
}

func (p *Page) searchCalls(q *quest, f *found) {
	for _, e := range p.d.Calls.Last("", 1<<20, nil) {
		f.Looked++
		f.Oldest = e.Time
		if len(f.Calls) < mostFound {
			f.Calls = append(f.Calls, q.in(e)...)
		}
	}
}

// in finds the items of a call. The whole request is searched first, for most calls do not have it.
func (q *quest) in(e *calls.Entry) (list []foundCall) {
	hit := map[int]bool{}
	if slices.ContainsFunc(q.hex, func(h []byte) bool { return bytes.Contains(e.Request, h) }) {
		for i, item := range takeApart(e.Request).items {
			hit[i] = slices.ContainsFunc(q.hex, func(h []byte) bool { return bytes.Contains(item, h) })
		}
	}
	for i := range e.Rows {
		if hit[i] || q.isRow(&e.Rows[i]) {
			list = append(list, foundCall{callRow: newCallRow(e), Item: i + 1, At: place(e.Rows[i]), EventID: e.Rows[i].EventID})
		}
	}
	return list
}

func (q *quest) isRow(at *pipeline.Position) bool {
	if q.place != nil && at.Offset == q.place.Offset && at.Partition == q.place.Partition && at.Topic == q.place.Topic {
		return true
	}
	return at.EventID != "" && q.isText(at.EventID)
}

func (q *quest) isText(text string) bool {
	return len(q.digests) > 0 && q.digests[sha256.Sum256([]byte(text))]
}

// searchLetters looks at the newest letters: their event id and key, and every text of their rows, as it is and as the
// identifiers it may be. The rows are read in clear, inside this function alone.
func (p *Page) searchLetters(ctx context.Context, q *quest, f *found) error {
	list, err := p.d.NewestLetters(ctx, &letters.Filter{}, 5000, lettersDeep)
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
			f.Letters = append(f.Letters, letters.Explain(d))
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

func (q *quest) inRow(ctx context.Context, opener *letters.Opener, d *deadletter.Dead) (bool, error) {
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

// isPerson tells whether a text of a row is what was typed, in one of the forms identifiers have.
func (q *quest) isPerson(text string) bool {
	trimmed := strings.TrimSpace(text)
	if q.isText(trimmed) || q.isText(strings.ToLower(trimmed)) {
		return true
	}
	for _, hash := range []func([]byte) (identity.Hash, error){identity.Email{RemoveSpaces: true}.Hash, identity.Phone{}.Hash} {
		if h, err := hash([]byte(trimmed)); err == nil && !h.IsZero() && q.digests[[sha256.Size]byte(h.AppendDigest(nil))] {
			return true
		}
	}
	return false
}

// conclude answers the question in a sentence.
func (f *found) conclude() {
	accepted := slices.ContainsFunc(f.Calls, func(c foundCall) bool { return c.Tone == "good" })
	switch {
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

var countrySetting = regexp.MustCompile(`\bdefault_country: "?([A-Za-z]{2})\b`)

// callingCodes are those of the countries the configuration names, so that the browser can try numbers in national form.
func callingCodes(c *daemon.Config) string {
	var codes []string
	for _, found := range countrySetting.FindAllSubmatch(settings.Effective(c), -1) {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(strings.ToUpper(string(found[1]))))
		if code != "0" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return strings.Join(codes, " ")
}
