package router

import (
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// troubles reports what holds the sync's handlers up in the status. Several may wait for the same thing: it is over when none
// does any more.
type troubles struct {
	sync   string
	status *pipeline.Status

	mu      sync.Mutex
	waiting map[pipeline.TroubleKind]int
}

// enter notes that a handler, which waited for trouble of the kind before ("" for none), now waits for t. It returns
// t's kind.
func (ts *troubles) enter(before pipeline.TroubleKind, t *pipeline.Trouble) pipeline.TroubleKind {
	if before != t.Kind {
		ts.leave(before)
		ts.mu.Lock()
		if ts.waiting == nil {
			ts.waiting = map[pipeline.TroubleKind]int{}
		}
		ts.waiting[t.Kind]++
		ts.mu.Unlock()
	}
	ts.status.Set(ts.sync, source(t.Kind), t)
	return t.Kind
}

func (ts *troubles) leave(kind pipeline.TroubleKind) {
	if kind == "" {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.waiting[kind]--; ts.waiting[kind] > 0 {
		return
	}
	ts.status.Clear(ts.sync, source(kind))
}

func source(kind pipeline.TroubleKind) string { return "rows: " + string(kind) }

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// pause is how long to wait before a row is tried again: what the trouble says, within bounds, else growing with
// jitter.
func pause(t *pipeline.Trouble, tries int) time.Duration {
	if !t.Until.IsZero() {
		return min(max(time.Until(t.Until), firstPause), lastPause)
	}
	return pipeline.Backoff{First: firstPause, Most: lastPause, Low: 0.5, High: 1}.After(tries)
}
