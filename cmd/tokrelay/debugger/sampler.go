package debugger

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// sampler looks at the counters once a second and remembers an hour of them, so that the page can show rates, charts and
// what came today. It costs the same whether someone looks or not.
type sampler struct {
	read    func() (map[string]*metrics.Counts, error)
	members func(sync string) (rows int, ok bool)
	now     func() time.Time

	mu    sync.Mutex
	syncs map[string]*trail
	began time.Time // of today's counts: midnight UTC, or the start
}

// trail is what is remembered of one sync.
type trail struct {
	now    *metrics.Counts
	day    *metrics.Counts // at the beginning of the day
	hour   history
	recent [rateOver + 1]settledAt
}

// rateOver is over how many samples a rate is taken.
const rateOver = 5

type settledAt struct {
	rows int64
	at   time.Time
}

func newSampler(read func() (map[string]*metrics.Counts, error), members func(sync string) (rows int, ok bool), now func() time.Time) *sampler {
	return &sampler{read: read, members: members, now: now, syncs: map[string]*trail{}, began: now()}
}

func (s *sampler) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.sample()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *sampler) sample() {
	all, err := s.read()
	if err != nil {
		return // the registry is our own; a sample less
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	newDay := now.UTC().YearDay() != s.began.UTC().YearDay()
	if newDay {
		s.began = now.UTC().Truncate(24 * time.Hour)
	}
	for name, counts := range all {
		t := s.syncs[name]
		if t == nil {
			t = &trail{now: counts, day: &metrics.Counts{}}
			s.syncs[name] = t
		}
		if newDay {
			t.day = t.now
		}
		rows, _ := s.members(name)
		t.add(counts, int64(rows), now)
	}
}

func (t *trail) add(c *metrics.Counts, members int64, now time.Time) {
	p := difference(t.now, c)
	p.members = members
	t.hour.add(now, p)
	t.now = c
	copy(t.recent[1:], t.recent[:])
	t.recent[0] = settledAt{c.AllSettled(), now}
}

// rate is how many rows a second have settled lately.
func (t *trail) rate() float64 {
	first, last := t.recent[0], t.recent[0]
	for _, s := range t.recent {
		if !s.at.IsZero() {
			last = s
		}
	}
	seconds := first.at.Sub(last.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(first.rows-last.rows) / seconds
}

// figures are a sync's numbers at one moment, free to be kept.
type figures struct {
	Rate                         float64
	Delivered, Rejected, Skipped int64 // today
	Total                        *metrics.Counts
	Hour                         history
}

// figures of a sync; zero ones of a sync that has none yet.
func (s *sampler) figures(sync string) figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.syncs[sync]
	if t == nil {
		return figures{Total: &metrics.Counts{}}
	}
	today := difference(t.day, t.now)
	return figures{Rate: t.rate(), Delivered: today.delivered, Rejected: today.rejected, Skipped: today.skipped,
		Total: t.now, Hour: t.hour.copy()}
}

// today is since when figures count.
func (s *sampler) today() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

func difference(from, to *metrics.Counts) point {
	p := point{
		delivered: to.Settled[pipeline.Delivered] - from.Settled[pipeline.Delivered],
		rejected:  to.Settled[pipeline.DeadLettered] - from.Settled[pipeline.DeadLettered],
		skipped:   to.Settled[pipeline.Skipped] - from.Settled[pipeline.Skipped],
		lag:       to.LagRecords,
	}
	for reason := range maps.Keys(to.Rejected) {
		if n := to.Rejected[reason] - from.Rejected[reason]; n > 0 {
			p.reasons = append(p.reasons, reasonCount{reason, n})
		}
	}
	return p
}
