package audiencefile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errCrash = errors.New("killed")

// killer kills an instance at its n-th step: from then on nothing it does has an effect.
type killer struct {
	mu       sync.Mutex
	at, seen int
	dead     bool
	where    string
	stop     context.CancelFunc
}

func (k *killer) step(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen++; k.seen == k.at {
		k.dead, k.where = true, name
		k.stop()
	}
	if k.dead {
		return errCrash
	}
	return nil
}

// runUntilDone does what Serve does until nothing is left to do.
func (w *world) runUntilDone(folder string) *Manifest {
	w.t.Helper()
	for range 20 {
		m, err := w.instance(folder).Run(w.t.Context(), Options{})
		if m != nil && m.Result.Done() {
			return m
		}
		if m != nil && m.Result != PutOff && !errors.Is(err, ErrBusy) {
			w.t.Fatalf("got %s (%s), %v", m.Result, m.Text, err)
		}
		<-time.After(20 * time.Second)
	}
	w.t.Fatal("the audience never got uploaded")
	return nil
}

// TestACrashAtAnyStepLeavesOneUploadOfTheTable kills an instance at each of its steps in turn: while an audience is
// created, the next instance having nothing on disk, and while it is replaced, the next one having the dead one's folder.
// The next instance must bring TikTok to the table with one accepted change in all.
func TestACrashAtAnyStepLeavesOneUploadOfTheTable(t *testing.T) {
	t.Parallel()
	for _, replaced := range []bool{false, true} {
		sameFolder := replaced
		for at, more := 1, true; more; at++ {
			name := fmt.Sprintf("replace %v, step %d", replaced, at)
			synctest.Test(t, func(t *testing.T) { more = crashAt(t, name, at, sameFolder, replaced) })
		}
	}
}

// crashAt reports whether there was such a step.
func crashAt(t *testing.T, name string, at int, sameFolder, replaced bool) bool {
	w := newWorld(t, plainConfig)
	w.people(0, 1100)
	w.topic.write("bad", "c|no address|true")
	folder, changes := tempDir(t), 1
	if replaced {
		w.instance(folder).upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		w.people(1100, 1300)
		w.topic.write("key-1", "")
		w.topic.write("bad-2", "c|no address|true")
		changes++
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	k := &killer{at: at, stop: stop}
	w.crash = k.step
	_, _ = w.instance(folder).Run(ctx, Options{}) // what a killed process returns does not count
	w.crash = nil
	if !sameFolder {
		folder = tempDir(t)
	}
	w.runUntilDone(folder)
	w.holdsTheTable()
	if a, _ := w.held(); len(a.History) != changes {
		t.Errorf("%s at %q: TikTok took %d changes, want %d: %+v", name, k.where, len(a.History), changes, a.History)
	}
	if len(w.letters.count) != changes {
		t.Errorf("%s at %q: got letters %v, want %d rows'", name, k.where, w.letters.count, changes)
	}
	return k.dead
}
