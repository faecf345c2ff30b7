package debugger

import (
	"context"
	"net/http"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// syncPage is one sync: how it is, how it went, and what may be done.
type syncPage struct {
	syncView
	Paused  bool
	Stopped bool // by rejected_share
	Span    string
	Spans   []spanChoice
	Large   []chart
}

func (v *syncPage) title() string { return v.Name }

// spanChoice is how far back charts go.
type spanChoice struct {
	Name, Words string
	days        int // 0: the last hour, of this instance
}

var spans = []spanChoice{{"hour", "last hour", 0}, {"day", "24 hours", 1}, {"days", "3 days", 3}, {"week", "7 days", 7}}

// sync shows a sync, its charts, and asks whether to pause or resume it.
func (p *Page) sync(r *http.Request) (any, error) {
	s, err := p.d.Wiring.Config.Sync(r.PathValue("sync"))
	if err != nil {
		return nil, problem{http.StatusNotFound, err.Error()}
	}
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	v := &syncPage{syncView: p.look(ctx, s), Spans: spans, Span: spans[0].Name}
	if groups, err := p.groupStates(ctx); err == nil {
		for _, g := range groups {
			if g.Sync == s.Name {
				v.widen(g)
			}
		}
	}
	for _, t := range p.d.Wiring.Status.Troubles(s.Name) {
		v.Paused = v.Paused || t.Kind == pipeline.TroublePaused
		v.Stopped = v.Stopped || t.Kind == pipeline.TroubleRejected
	}
	days := 0
	for _, c := range spans {
		if c.Name == r.URL.Query().Get("span") {
			v.Span, days = c.Name, c.days
		}
	}
	if v.Large = p.hourOf(s); days > 0 {
		v.Large = p.daysOf(s, days, v.File)
	}
	return v, nil
}

// hourOf are the charts of the last hour, of this instance.
func (p *Page) hourOf(s *daemon.Sync) []chart {
	h := p.sampler.figures(s.Name).Hour
	of := h.spanOf()
	list := []chart{
		newLargeChart("Delivered", "rows/s", "good", h.perSecond(func(p *point) int64 { return p.delivered }), of),
		newLargeChart("Rejected", "rows/s", "stop", h.perSecond(func(p *point) int64 { return p.rejected }), of),
		newLargeChart("Behind", "rows", "busy", h.level(func(p *point) int64 { return p.lag }), of),
	}
	if _, ok := p.d.Remembered(s.Name); ok {
		list = append(list, newLargeChart("Remembered", "rows", "good", h.level(func(p *point) int64 { return p.members }), of))
	}
	return list
}

// daysOf are the charts of some days, of all instances, from the state topic.
func (p *Page) daysOf(s *daemon.Sync, days int, file *fileView) []chart {
	now := time.Now().Truncate(trendStep).Add(trendStep)
	from := now.AddDate(0, 0, -days)
	points, of := p.trend.days(s.Name, from, now.Add(-1)), span{now, trendStep, plural(days, "last day", "last days")}
	if days > 1 {
		of.words = "last " + number(days) + " days"
	}
	if file != nil {
		return []chart{newLargeChart("Members", "lines uploaded", "good", sizes(file.Runs, from, len(points)), of)}
	}
	list := []chart{
		newLargeChart("Delivered", "rows/s", "good", perSecond(points, func(p *trendPoint) int64 { return p.Delivered }), of),
		newLargeChart("Rejected", "rows/s", "stop", perSecond(points, func(p *trendPoint) int64 { return p.Rejected }), of),
		newLargeChart("Skipped", "rows/s", "idle", perSecond(points, func(p *trendPoint) int64 { return p.Skipped }), of),
		newLargeChart("Behind", "rows", "busy", levelOf(points, func(p *trendPoint) int64 { return p.Lag }), of),
	}
	if s.Kind() == daemon.KindSegment {
		list = append(list, newLargeChart("Audience: rows remembered", "rows", "good", levelOf(points, func(p *trendPoint) int64 { return p.Members }), of),
			newLargeChart("Audience: matched by TikTok", "people", "good", levelOf(points, func(p *trendPoint) int64 { return p.Covered }), of))
	}
	return list
}

// sizes is how large a file audience was at every step: as the last upload before made it.
func sizes(runs []audiencefile.Manifest, from time.Time, steps int) []float64 {
	list := make([]float64, steps)
	for i := len(runs) - 1; i >= 0; i-- { // from the oldest
		if r := &runs[i]; r.Result == audiencefile.Uploaded || r.Result == audiencefile.Unchanged {
			for at := max(0, int(r.Ended.Sub(from)/trendStep)); at < steps; at++ {
				list[at] = float64(r.Members)
			}
		}
	}
	return list
}

// trendPoint is what the trend keeps of a sync now.
func (p *Page) trendPoint(sync string) (trendPoint, bool) {
	f := p.sampler.figures(sync)
	if len(f.Hour.points) == 0 {
		return trendPoint{}, false
	}
	point := pointOf(f.Total)
	if rows, ok := p.d.Remembered(sync); ok {
		point.Members = int64(rows)
	}
	if reading, ok := p.d.Audiences(sync); ok {
		for _, a := range reading.Audiences {
			point.Covered += a.Covered
		}
	}
	return point, true
}

// columnsPage are the columns of a sync's topics.
type columnsPage struct {
	Name   string
	Topics []daemon.TopicColumns
}

func (v *columnsPage) title() string { return "Columns of " + v.Name }

func (p *Page) columns(r *http.Request) (any, error) {
	s, err := p.d.Wiring.Config.Sync(r.PathValue("sync"))
	if err != nil {
		return nil, problem{http.StatusNotFound, err.Error()}
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	topics, err := p.schemas.get(s.Name, func() ([]daemon.TopicColumns, error) { return p.d.Columns(ctx, s) })
	return &columnsPage{s.Name, topics}, err
}

// groupStates are those of all syncs, asked of Kafka.
func (p *Page) groupStates(ctx context.Context) ([]*daemon.GroupState, error) {
	return p.groups.get("", func() ([]*daemon.GroupState, error) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		return p.d.Wiring.GroupStates(ctx, p.d.Wiring.State)
	})
}
