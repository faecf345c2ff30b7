package debugger

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/verify"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// overview is every sync at a glance.
type overview struct {
	Headline string     `json:"headline"`
	Tone     string     `json:"tone"`
	Today    time.Time  `json:"counted_since"`
	Instance string     `json:"counted_by"`
	Syncs    []syncView `json:"syncs"`
	Problem  string     `json:"group_problem,omitempty"` // why only this instance can be shown
}

// syncView is a sync at one moment.
type syncView struct {
	Name        string         `json:"name"`
	Kind        string         `json:"kind"`
	From        string         `json:"from"`
	To          string         `json:"to"`
	State       state          `json:"state"`
	Rate        float64        `json:"rows_per_second"`
	LagRows     int64          `json:"lag_rows"`
	Lag         float64        `json:"lag_seconds"`
	Delivered   int64          `json:"delivered"`
	Rejected    int64          `json:"rejected"`
	Skipped     int64          `json:"skipped"`
	LastSuccess time.Time      `json:"last_success,omitzero"`
	Audiences   []audienceView `json:"audiences,omitempty"`
	Read        time.Time      `json:"audiences_read,omitzero"`
	Unread      string         `json:"audiences_problem,omitempty"`
	Remembered  *int           `json:"rows_remembered,omitempty"` // by this instance, of a streamed audience
	File        *fileView      `json:"file,omitempty"`            // of an audience replaced whole
	Counted     *countedView   `json:"counted,omitempty"`         // of events: sent against what TikTok counts
	Verified    *verified      `json:"verified,omitempty"`        // the last tokrelay audience verify
	Charts      []chart        `json:"-"`
	Others      []state        `json:"other_troubles,omitempty"`
	Cure        string         `json:"cure,omitempty"`

	Group *daemon.GroupState `json:"group,omitempty"` // over all instances
}

// audienceView is an audience as TikTok reports it.
type audienceView struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Covered int64     `json:"matched"`
	Valid   bool      `json:"usable"`
	Expires time.Time `json:"expires,omitzero"`
}

// verified is what tokrelay audience verify last found, on whatever machine.
type verified struct {
	At      time.Time `json:"at"`
	Differs bool      `json:"differs"`
	Words   string    `json:"words"`
}

func (p *Page) overview(r *http.Request) (any, error) {
	o := &overview{Today: p.sampler.today(), Instance: p.d.Instance()}
	groups, err := p.groupStates(r.Context())
	if err != nil {
		o.Problem = err.Error()
	}
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second) // whatever Kafka took
	defer cancel()
	for i := range p.d.Wiring.Config.Syncs {
		v := p.look(ctx, &p.d.Wiring.Config.Syncs[i])
		if err == nil {
			v.widen(groups[i])
		}
		o.Syncs = append(o.Syncs, v)
	}
	o.Headline, o.Tone = headline(o.Syncs)
	return o, nil
}

func (p *Page) look(ctx context.Context, s *daemon.Sync) syncView {
	f, troubles := p.sampler.figures(s.Name), p.d.Wiring.Status.Troubles(s.Name)
	v := syncView{Name: s.Name, Kind: s.Kind(), From: from(s), To: to(s), State: stateOf(troubles, f), Rate: f.Rate,
		LagRows: f.Total.LagRecords, Lag: f.Total.LagSeconds, Delivered: f.Delivered, Rejected: f.Rejected, Skipped: f.Skipped,
		LastSuccess: f.Total.LastSuccess}
	if job := p.d.FileJob(s.Name); job != nil {
		file := p.file(ctx, s, job)
		v.State, v.File = file.State, &file
	}
	for _, t := range troubles[min(1, len(troubles)):] {
		v.Others = append(v.Others, troubleState(t))
	}
	p.audiences(&v)
	v.Counted = newCountedView(p.d.Counted(), s.Name)
	if r, ok := verify.Last(p.d.Wiring, s.Name); ok && s.IsAudience() {
		v.Verified = &verified{r.At, r.Differs, r.Words()}
	}
	span := f.Hour.spanOf()
	v.Charts = []chart{
		newChart("Delivered", "rows/s", "good", f.Hour.perSecond(func(p *point) int64 { return p.delivered }), span),
		newChart("Rejected", "rows/s", "stop", f.Hour.perSecond(func(p *point) int64 { return p.rejected }), span),
		newChart("Behind", "rows", "busy", f.Hour.level(func(p *point) int64 { return p.lag }), span),
	}
	if rows, ok := p.d.Remembered(s.Name); ok {
		v.Remembered = &rows
		v.Charts = append(v.Charts, newChart("Remembered", "rows", "good", f.Hour.level(func(p *point) int64 { return p.members }), span))
	}
	return v
}

// widen has the view tell of all instances where this one alone would look better than the sync is.
func (v *syncView) widen(g *daemon.GroupState) {
	v.Group = g
	if len(g.Waits) > 0 {
		v.Cure = g.Waits[0].Cure
	}
	if v.File == nil && g.Problem == "" {
		v.LagRows = g.LagRows
		v.Lag = max(v.Lag, g.Lag)
	}
	if v.State.Tone == "stop" || v.State.Tone == "wait" {
		return
	}
	switch {
	case len(g.Waits) > 0 && g.Waits[0].Kind != pipeline.TroublePaused: // that one all instances have
		if v.State.Detail != "" {
			v.Others = append(v.Others, v.State)
		}
		v.State = waitState(g.Waits[0])
	case g.Verdict == daemon.Behind && v.File == nil:
		v.State = state{Tone: "busy", Words: "behind", Detail: cmp.Or(g.Problem, "rows older than a minute have not settled")}
	}
}

// waitState is what an instance reported, or several.
func waitState(t daemon.Wait) state {
	s := troubleState(pipeline.TroubleSince{Trouble: &pipeline.Trouble{Kind: t.Kind, What: t.What, Stop: t.Stop, Until: t.Until}, Since: t.Since})
	s.Detail += " (on " + strings.Join(t.Instances, ", ") + ")"
	return s
}

func (p *Page) audiences(v *syncView) {
	reading, ok := p.d.Audiences(v.Name)
	if !ok {
		return
	}
	v.Read = reading.Time
	if reading.Err != nil {
		v.Unread = reading.Err.Error()
	}
	for _, a := range reading.Audiences {
		v.Audiences = append(v.Audiences, newAudienceView(a))
	}
}

func newAudienceView(a audience.Details) audienceView {
	return audienceView{ID: a.ID, Name: a.Name, Covered: a.Covered, Valid: a.Valid, Expires: a.Expires.Time}
}

// from and to say where a sync's rows come from and go.
func from(s *daemon.Sync) string {
	return cmp.Or(s.Topic, s.Pattern, strings.Join(s.Topics, ", "))
}

func to(s *daemon.Sync) string {
	switch s.Kind() {
	case daemon.KindEvents:
		return "web events"
	case daemon.KindSegment:
		return "custom audience, streamed"
	case daemon.KindFile:
		return "custom audience, by file"
	}
	return "TikTok"
}

// headline is the one sentence that reports whether the operator has to act.
func headline(syncs []syncView) (text, tone string) {
	var stopped, waiting, paused []string
	for _, s := range syncs {
		if s.State.Words == troubled[pipeline.TroublePaused] {
			paused = append(paused, s.Name)
		}
		switch s.State.Tone {
		case "stop":
			stopped = append(stopped, s.Name)
		case "wait":
			waiting = append(waiting, s.Name)
		}
	}
	also := ""
	if len(paused) > 0 {
		also = "; " + strings.Join(paused, ", ") + plural(len(paused), " is", " are") + " paused"
	}
	switch {
	case len(stopped) == 1:
		return stopped[0] + " needs attention" + also, "stop"
	case len(stopped) > 1:
		return fmt.Sprintf("%d syncs need attention: %s", len(stopped), strings.Join(stopped, ", ")) + also, "stop"
	case len(waiting) > 0:
		return strings.Join(waiting, ", ") + plural(len(waiting), " waits", " wait") + " and will go on by itself" + also, "wait"
	case len(paused) > 0:
		return strings.Join(paused, ", ") + plural(len(paused), " is", " are") + " paused by an operator", "idle"
	case len(syncs) == 1:
		return syncs[0].Name + " is " + syncs[0].State.Words, syncs[0].State.Tone
	}
	return running(syncs)
}

func running(syncs []syncView) (text, tone string) {
	behind := int64(0)
	for _, s := range syncs {
		behind += s.LagRows
	}
	if behind > 0 {
		return fmt.Sprintf("All %d syncs run, %s rows behind", len(syncs), number(behind)), "good"
	}
	return fmt.Sprintf("All %d syncs are up to date", len(syncs)), "good"
}
