package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Action is something that an operator has done, or is doing: from the page of an instance or by a command. The state topic keeps it, so
// that every instance shows it, also after a restart.
type Action struct {
	ID     string    `json:"id"`
	What   string    `json:"what"`           // pause, resume, replay, resync, skip, purge, upload, repair
	Sync   string    `json:"sync,omitempty"` // "" where it is of all
	Detail string    `json:"detail,omitempty"`
	By     string    `json:"by"` // "the command on HOST by USER", "the page of INSTANCE, as NAME"
	Began  time.Time `json:"began"`
	Seen   time.Time `json:"seen"` // when it last said that it goes on
	Ended  time.Time `json:"ended,omitzero"`
	Done   int64     `json:"done,omitempty"`
	Of     int64     `json:"of,omitempty"` // rows; 0: not counted in rows
	Result string    `json:"result,omitempty"`
	Failed bool      `json:"failed,omitempty"`
}

// State is an action's state in a word.
func (a *Action) State(now time.Time) string {
	switch {
	case a.Failed:
		return "failed"
	case !a.Ended.IsZero():
		return "done"
	case now.Sub(a.Seen) > 3*actionSays:
		return "cut off"
	}
	return "running"
}

const (
	actionPrefix  = "action/" // of keys, which sort by time
	actionSays    = 10 * time.Second
	actionsKept   = 500
	actionsForget = 30 * 24 * time.Hour
)

// Command is who works at this command's terminal, as actions and orders name it.
func Command() string {
	host, _ := os.Hostname()
	by := "the command on " + cmp.Or(host, "an unknown host")
	if u, err := user.Current(); err == nil {
		by += " by " + u.Username
	}
	return by
}

// Acting is an action under way.
type Acting struct {
	w    *Wiring
	a    Action
	done atomic.Int64
	stop context.CancelFunc
	over chan struct{}
}

// Begin writes that an action begins, and goes on saying so until End. The state topic may be away: what was asked for is done all the same,
// and the log says that nobody can see it.
func (w *Wiring) Begin(ctx context.Context, a Action) *Acting {
	a.Began = time.Now()
	a.ID = a.Began.UTC().Format("20060102T150405.000Z") + "-" + rand.Text()[:6]
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	acting := &Acting{w: w, a: a, stop: stop, over: make(chan struct{})}
	acting.write(ctx)
	go func() {
		defer close(acting.over)
		for pipeline.Wait(life, actionSays) == nil {
			acting.write(life)
		}
	}()
	return acting
}

// Did adds rows that are done with. It may be called from several goroutines.
func (a *Acting) Did(rows int64) { a.done.Add(rows) }

// End writes how it ended, in words; an error says why it did not do all. One that was interrupted has not failed.
func (a *Acting) End(result string, err error) {
	a.stop()
	<-a.over
	a.a.Ended, a.a.Result = time.Now(), result
	if err != nil {
		a.a.Failed = !errors.Is(err, context.Canceled)
		a.a.Result = cmp.Or(result, err.Error())
	}
	a.write(context.Background())
	a.w.forgetActions()
}

func (a *Acting) write(ctx context.Context) {
	a.a.Seen, a.a.Done = time.Now(), a.done.Load()
	if err := a.w.putAction(ctx, &a.a); err != nil && ctx.Err() == nil {
		a.w.Log.Warn("the list of actions could not be written", "action", a.a.What, "sync", a.a.Sync, "error", err)
	}
}

// putAction writes an action, within a few seconds or not at all.
func (w *Wiring) putAction(ctx context.Context, a *Action) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	doc, err := json.Marshal(a)
	if err == nil {
		err = w.EnsureState(ctx)
	}
	if err == nil {
		err = w.State.Put(ctx, actionPrefix+a.ID, doc)
	}
	return err
}

// Note writes an action that is over at once.
func (w *Wiring) Note(ctx context.Context, a Action) {
	a.Began = time.Now()
	a.Seen, a.Ended = a.Began, a.Began
	a.ID = a.Began.UTC().Format("20060102T150405.000Z") + "-" + rand.Text()[:6]
	if err := w.putAction(ctx, &a); err != nil {
		w.Log.Warn("the list of actions could not be written", "action", a.What, "sync", a.Sync, "error", err)
	}
}

// forgetActions removes the oldest.
func (w *Wiring) forgetActions() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	keys := w.State.Keys(actionPrefix)
	oldest := actionPrefix + time.Now().UTC().Add(-actionsForget).Format("20060102T150405")
	for i, key := range keys {
		if (key < oldest || len(keys)-i > actionsKept) && w.State.Put(ctx, key, nil) != nil {
			return
		}
	}
}

// Actions are what operators did lately, newest first, as far as the state topic was read; a command refreshes it before.
func (w *Wiring) Actions() (list []Action) {
	keys := w.State.Keys(actionPrefix)
	slices.Reverse(keys)
	for _, key := range keys {
		var a Action
		if doc, ok := w.State.Get(key); ok && json.Unmarshal(doc, &a) == nil {
			list = append(list, a)
		}
	}
	return list
}

// Outcome is how far it is, or what came of it, in words.
func (a *Action) Outcome() string {
	if a.Result != "" || a.Of == 0 {
		return a.Result
	}
	return fmt.Sprintf("%d of %d rows", a.Done, a.Of)
}
