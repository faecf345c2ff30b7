package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// lateRegistry knows a schema from a moment on, and notes when it was asked.
type lateRegistry struct {
	from  time.Time
	asked []time.Time
}

func (l *lateRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked = append(l.asked, time.Now())
	if !l.from.IsZero() && !time.Now().Before(l.from) {
		io.WriteString(w, described(`"int"`))
		return
	}
	registryOf{}.ServeHTTP(w, r)
}

func TestAMissingSchemaIsWaitedForAndThenRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateRegistry{}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{late})
		start := time.Now()
		_, err := r.Schema(t.Context(), idNumber(1))
		wantRejection(t, err, pipeline.SchemaNotFound, "schema 1")
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("got it after %v, want 30s", took)
		}
		if len(late.asked) < 6 || len(late.asked) > 20 {
			t.Errorf("got %d requests in 30s, want some", len(late.asked))
		}
	})
}

func TestASchemaThatComesLateIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateRegistry{from: time.Now().Add(12 * time.Second)}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{late})
		start := time.Now()
		src, err := r.Schema(t.Context(), idNumber(1))
		if err != nil || src.Text != `"int"` {
			t.Fatalf("got %v and %v, want the schema", src, err)
		}
		if took := time.Since(start); took < 12*time.Second || took > 17*time.Second {
			t.Errorf("got it after %v, want soon after 12s", took)
		}
	})
}

func TestARejectedIDIsNotAskedForAWhileAndThenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateRegistry{}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{late})
		r.Schema(t.Context(), idNumber(1))
		before := len(late.asked)
		for _, c := range []struct {
			after time.Duration
			asked int
		}{{0, 0}, {missingFor - time.Second, 0}, {2 * time.Second, 1}, {time.Second, 1}, {missingFor, 2}} {
			pass(c.after)
			start := time.Now()
			_, err := r.Schema(t.Context(), idNumber(1))
			wantRejection(t, err, pipeline.SchemaNotFound, "")
			if got := len(late.asked) - before; got != c.asked || time.Since(start) != 0 {
				t.Errorf("after %v more: got %d requests and waited %v, want %d and nothing", c.after, got, time.Since(start), c.asked)
			}
		}
		late.from = time.Now()
		pass(missingFor)
		if _, err := r.Schema(t.Context(), idNumber(1)); err != nil {
			t.Errorf("once it is registered: got %v, want the schema", err)
		}
	})
}

func TestPatienceEndsWhenWaitingDoesNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateRegistry{}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{late})
		waited := func(id int64) time.Duration {
			start := time.Now()
			r.Schema(t.Context(), idNumber(id))
			return time.Since(start)
		}
		for id := range int64(4) {
			if got := waited(id + 1); got != 30*time.Second {
				t.Errorf("id %d: got a wait of %v, want 30s", id+1, got)
			}
		}
		for id := range int64(100) {
			if got := waited(id + 10); got != 0 {
				t.Fatalf("after four waits in vain: got a wait of %v, want none", got)
			}
		}
		pass(5 * time.Minute)
		if got := waited(200); got != 30*time.Second {
			t.Errorf("five minutes later: got a wait of %v, want 30s", got)
		}
		late.from = time.Now().Add(6 * time.Minute)
		pass(6*time.Minute - 3*time.Second)
		if got := waited(201); got == 0 || got > 10*time.Second {
			t.Errorf("got a wait of %v, want until it is there", got)
		}
		if r.vain.count != 0 {
			t.Errorf("got %d waits in vain, want them forgotten after one that helped", r.vain.count)
		}
	})
}

func TestMissingRetryZeroDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := hurried(t, Config{URL: URLs{"http://registry"}}, handled{&lateRegistry{}})
		start := time.Now()
		_, err := r.Schema(t.Context(), idNumber(1))
		wantRejection(t, err, pipeline.SchemaNotFound, "")
		if time.Since(start) != 0 || r.vain.count != 0 {
			t.Errorf("got a wait of %v, want none", time.Since(start))
		}
	})
}

func TestTroubleIsToldAtOnceAndNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ill := true
		fake := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ill {
				w.WriteHeader(503)
				return
			}
			io.WriteString(w, described(`"int"`))
		})
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{fake})
		start := time.Now()
		_, err := r.Schema(t.Context(), idNumber(1))
		wantTrouble(t, err, "status 503")
		ill = false
		if _, err := r.Schema(t.Context(), idNumber(1)); err != nil || time.Since(start) != 0 {
			t.Errorf("got %v after %v, want the schema at once", err, time.Since(start))
		}
	})
}

func TestWhoLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &lateRegistry{from: time.Now().Add(20 * time.Second)}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{late})
		ctx, leave := context.WithTimeout(t.Context(), 5*time.Second)
		defer leave()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := r.Schema(ctx, idNumber(1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who leaves: got %v, want the context's error", err)
			}
		})
		synctest.Wait()
		for range 5 {
			group.Go(func() {
				if src, err := r.Schema(t.Context(), idNumber(1)); err != nil || src == nil {
					t.Errorf("one who stays: got %v and %v, want the schema", src, err)
				}
			})
		}
		group.Wait()
	})
}

func TestARegistryThatDoesNotAnswerIsTroubleAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := silence{}
		r := newRegistry(t, Config{URL: URLs{"http://registry"}}, silent)
		start := time.Now()
		_, err := r.Schema(t.Context(), idNumber(1))
		wantTrouble(t, err, "deadline")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("got it after %v, want 10s", took)
		}
	})
}

// silence never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }
