package debugger

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/sinks/events/counted"
)

// countedView is what a sync sent on the newest day that has been over for a day, against what TikTok counts.
type countedView struct {
	Read     time.Time      `json:"read"`
	Lines    []counted.Line `json:"lines"`
	Problems []string       `json:"problems,omitempty"`
}

// newCountedView is nil where nothing has been read, or the sync sent nothing.
func newCountedView(c *counted.Comparison, sync string) *countedView {
	if c == nil {
		return nil
	}
	own := *c
	own.Only(sync)
	if len(own.Lines) == 0 {
		return nil
	}
	day := counted.SettledDay(c.Time)
	lines := slices.DeleteFunc(own.Lines, func(l counted.Line) bool { return l.Day != day })
	return &countedView{c.Time, lines[:min(len(lines), 20)], c.Problems}
}
