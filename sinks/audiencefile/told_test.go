package audiencefile

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// ended counts the runs that ended with a result, as metrics have it.
func (i *instance) ended(result Result) (n float64) {
	i.t.Helper()
	families, err := i.counts.Gather()
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if strings.HasSuffix(f.GetName(), "audience_uploads_total") && strings.Contains(m.String(), fmt.Sprintf("%q", result)) {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func TestARunThatIsCutOffIsLoggedAndCounted(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		cut  func(stop context.CancelFunc, away *atomic.Bool)
	}{
		"tokrelay is stopped": {"tokrelay was stopped", func(stop context.CancelFunc, _ *atomic.Bool) { stop() }},
		"the lease is lost": {"the lease was lost", func(_ context.CancelFunc, away *atomic.Bool) {
			away.Store(true)
			<-time.After(50 * time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, plainConfig)
				w.people(0, 1200)
				var away atomic.Bool
				w.crash = func(string) error {
					if away.Load() {
						return errCrash
					}
					return nil
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				w.topic.during = func(read int) {
					if read == 600 {
						c.cut(stop, &away)
					}
				}
				i := w.instance(tempDir(t))
				if _, err := i.Run(ctx, Options{}); err == nil {
					t.Error("got no error of a run that was cut off")
				}
				text := i.log.String()
				if !strings.Contains(text, "audience run ended") || !strings.Contains(text, "result=cut_off") || !strings.Contains(text, c.says) {
					t.Errorf("the log does not say %q:\n%s", c.says, text)
				}
				if n := i.ended(Cut); n != 1 {
					t.Errorf("got %v runs counted as cut off, want 1", n)
				}
			})
		})
	}
}

func TestAScheduledRunThatCannotTakeItsLeaseIsToldUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		var away atomic.Bool
		w.crash = func(string) error {
			if away.Load() {
				return errCrash
			}
			return nil
		}
		i := w.instance(tempDir(t))
		defer i.serving()()
		<-time.After(2*time.Hour + 59*time.Minute)
		away.Store(true) // the state topic cannot be written
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleState {
			t.Errorf("got troubles %v, want the state topic's", troubles)
		}
		away.Store(false)
		<-time.After(time.Minute)
		synctest.Wait()
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 0 {
			t.Errorf("got troubles %v once it can be written, want none", troubles)
		}
		w.holdsTheTable()
	})
}

func TestAnEndThatCannotBePutOnRecordIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		w.crash = func(step string) error {
			if strings.HasSuffix(step, "/manifests") {
				return errCrash
			}
			return nil
		}
		i := w.instance(tempDir(t))
		if _, err := i.Run(t.Context(), Options{}); err == nil {
			t.Error("got no error of a run that is not on record")
		}
		if text := i.log.String(); !strings.Contains(text, "could not be put on record") {
			t.Errorf("the log does not say that the end is not on record:\n%s", text)
		}
	})
}

// Two daemons of one user that know nothing of each other: of two clusters, or with two state topics. Their syncs have one
// name, and so would their folders.
func TestTwoDaemonsOfOneUserKeepOutOfEachOthersFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := tempDir(t)
		a, b := newWorld(t, plainConfig), newWorld(t, plainConfig)
		a.people(0, 1200)
		b.people(5000, 6500)
		b.topic.id = "t2"
		inside := 0
		a.topic.during = func(read int) {
			if read == 600 { // the other one begins and ends while this one reads
				inside++
				b.instance(folder).upload(Uploaded, Options{})
			}
		}
		a.instance(folder).upload(Uploaded, Options{})
		a.holdsTheTable()
		b.holdsTheTable()
		a.topic.during = nil
		for _, w := range []*world{a, b} { // what each kept is still there
			<-time.After(25 * time.Hour)
			w.people(9000, 9001)
			if m := w.instance(folder).upload(Uploaded, Options{}); !m.Reused || !m.Compared {
				t.Errorf("reused: %v, compared: %v; want both: what the last run kept was swept", m.Reused, m.Compared)
			}
			w.holdsTheTable()
		}
		if inside != 1 {
			t.Fatalf("the other daemon ran %d times inside, want once", inside)
		}
	})
}
