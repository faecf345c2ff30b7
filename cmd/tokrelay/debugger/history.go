package debugger

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// history is what happened in at most the last hour, in steps of equal length. It begins with steps of a second and
// doubles them when there are too many, so that a chart has enough to show from the first minute on and memory stays
// bounded.
type history struct {
	step   time.Duration
	points []point
	open   point // of the step under way
	since  time.Time
}

// point is one step: rows that settled in it, and the lag and the audience's members at its end.
type point struct {
	delivered, rejected, skipped, lag, members int64
	reasons                                    []reasonCount
}

type reasonCount struct {
	reason pipeline.Reason
	rows   int64
}

const (
	mostPoints = 450
	longStep   = 8 * time.Second // 450 of them are an hour
)

func (h *history) add(now time.Time, p point) {
	if h.since.IsZero() {
		h.step, h.since = time.Second, now
	}
	h.open.merge(p)
	if now.Sub(h.since) < h.step-h.step/10 { // tickers are not exact
		return
	}
	h.points = append(h.points, h.open)
	h.open, h.since = point{}, now
	h.shrink()
}

func (h *history) shrink() {
	switch {
	case len(h.points) <= mostPoints:
	case h.step < longStep:
		half := h.points[:0]
		for pair := range slices.Chunk(h.points, 2) {
			p := pair[0]
			for _, q := range pair[1:] {
				p.merge(q)
			}
			half = append(half, p)
		}
		h.points = half
		h.step *= 2
	default:
		h.points = slices.Delete(h.points, 0, 1)
	}
}

func (p *point) merge(q point) {
	p.delivered += q.delivered
	p.rejected += q.rejected
	p.skipped += q.skipped
	p.lag, p.members = q.lag, q.members
	for _, c := range q.reasons {
		i := slices.IndexFunc(p.reasons, func(own reasonCount) bool { return own.reason == c.reason })
		if i < 0 {
			p.reasons = append(p.reasons, c)
		} else {
			p.reasons[i].rows += c.rows
		}
	}
}

// copy is the history as it is now. What its points point to does not change once they are closed.
func (h *history) copy() history {
	c := *h
	c.points = slices.Clone(h.points)
	return c
}

// span is how long ago the first step began.
func (h *history) span() time.Duration { return time.Duration(len(h.points)) * h.step }

// perSecond is one figure of every step as a rate.
func (h *history) perSecond(of func(*point) int64) []float64 {
	list := make([]float64, len(h.points))
	for i := range h.points {
		list[i] = float64(of(&h.points[i])) / h.step.Seconds()
	}
	return list
}

// level is one figure as it was at the end of every step.
func (h *history) level(of func(*point) int64) []float64 {
	list := make([]float64, len(h.points))
	for i := range h.points {
		list[i] = float64(of(&h.points[i]))
	}
	return list
}

// ofReason counts a reason's rows.
func ofReason(reason pipeline.Reason) func(*point) int64 {
	return func(p *point) int64 {
		for _, c := range p.reasons {
			if c.reason == reason {
				return c.rows
			}
		}
		return 0
	}
}
