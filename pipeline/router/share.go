package router

import (
	"context"
	"fmt"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// RejectedShare is when a sync stops instead of draining its topic into dead letters: a mapping that is wrong rejects
// row after row.
type RejectedShare struct {
	Share settings.Percent `yaml:"share" default:"50%" doc:"Stop when more than this share of the last rows was rejected. 0% allows none; 100% never stops."`
	Rows  int              `yaml:"rows" default:"1000" doc:"How many rows are looked back on. Nothing stops before that many."`
}

// Validate reports what cannot work.
func (r *RejectedShare) Validate(at settings.Place) {
	if r.Rows < 1 || r.Rows > 1_000_000 {
		at.Key("rows").Problem("must be between 1 and 1000000", "share: 100% never stops")
	}
}

// share looks back on the last rows of a sync, skipped ones left out, and stops the sync before letters are written
// when too many were rejected.
type share struct {
	rule     RejectedShare
	troubles *troubles

	mu       sync.Mutex
	rows     []bool // a ring: was it rejected?
	next     int
	seen     int
	rejected int
	resumed  chan struct{} // not nil while stopped
}

func newShare(rule RejectedShare, t *troubles) *share {
	return &share{rule: rule, troubles: t, rows: make([]bool, rule.Rows)}
}

// wait returns when the sync is not stopped.
func (s *share) wait(ctx context.Context) error {
	s.mu.Lock()
	resumed := s.resumed
	s.mu.Unlock()
	if resumed == nil {
		return nil
	}
	select {
	case <-resumed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit looks at a chunk's rows before its letters are written. When they are too many, the sync stops: the chunk, and
// every other one that comes here, waits for resume or for the end of its context.
func (s *share) admit(ctx context.Context, tried []bool, letters []pipeline.Letter) error {
	s.mu.Lock()
	for _, rejected := range tried {
		s.push(rejected)
	}
	if s.exceeded() && s.resumed == nil {
		s.stop(letters)
	}
	s.mu.Unlock()
	return s.wait(ctx)
}

// refused counts rows that the destination refused after they were admitted.
func (s *share) refused(rows int) {
	if rows == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range rows {
		s.push(true)
	}
	if s.exceeded() && s.resumed == nil {
		s.stop(nil)
	}
}

func (s *share) push(rejected bool) {
	if len(s.rows) == 0 {
		return // nothing is looked back on
	}
	if s.rows[s.next] {
		s.rejected--
	}
	if rejected {
		s.rejected++
	}
	s.rows[s.next] = rejected
	s.next = (s.next + 1) % len(s.rows)
	s.seen = min(s.seen+1, len(s.rows))
}

func (s *share) exceeded() bool {
	return s.seen == len(s.rows) && float64(s.rejected) > float64(s.rule.Share)*float64(len(s.rows))
}

func (s *share) stop(letters []pipeline.Letter) {
	s.resumed = make(chan struct{})
	s.troubles.enter("", &pipeline.Trouble{Kind: pipeline.TroubleRejected, Stop: true,
		What: fmt.Sprintf("%d of the last %d rows were rejected%s: correct the mapping and restart, or resume to dead-letter them",
			s.rejected, len(s.rows), mostly(letters))})
}

// mostly names the reason most letters have.
func mostly(letters []pipeline.Letter) string {
	counts := map[string]int{}
	top := ""
	for _, l := range letters {
		what := string(l.Rejection.Reason)
		if l.Rejection.Field != "" {
			what += " (" + l.Rejection.Field + ")"
		}
		if counts[what]++; counts[what] > counts[top] {
			top = what
		}
	}
	if top == "" {
		return ""
	}
	return ", mostly for " + top
}

// resume lets a stopped sync go on and forgets the rows it stopped for.
func (s *share) resume() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed == nil {
		return false
	}
	clear(s.rows)
	s.next, s.seen, s.rejected = 0, 0, 0
	close(s.resumed)
	s.resumed = nil
	s.troubles.leave(pipeline.TroubleRejected)
	return true
}
