package audiencefile

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// shares says how the ledger's audience is shared at TikTok, and how often that was asked for.
func (w *world) shares() (with []string, calls int) {
	for _, a := range w.tiktok.Audiences() {
		with = append(with, a.SharedWith...)
	}
	for _, c := range w.tiktok.Calls() {
		if strings.Contains(c.Endpoint, "/share/") {
			calls++
		}
	}
	return with, calls
}

func TestAFileAudienceIsSharedOnceItIsUsable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"share_with: [\"8\", \"9\"]\n")
		w.tiktok = sandbox.New(sandbox.Config{Now: time.Now, Limits: sandbox.NoLimits(), Advertisers: sandbox.BusinessCenter("8", "9", "10"), Processing: 5 * time.Hour})
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		if with, calls := w.shares(); len(with)+calls != 0 {
			t.Errorf("shared with %v by %d calls before TikTok has processed it", with, calls)
		}
		stop := i.serving()
		<-time.After(7 * time.Hour)
		synctest.Wait()
		if with, calls := w.shares(); !slices.Equal(with, []string{"8", "9"}) || calls != 1 {
			t.Errorf("shared with %v by %d calls, want 8 and 9 by one", with, calls)
		}
		stop()

		w.config = plainConfig + "share_with: [\"8\", \"10\"]\n"
		w.people(1200, 1300)
		<-time.After(24 * time.Hour)
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		if with, calls := w.shares(); !slices.Equal(with, []string{"10", "8", "9"}) || calls != 2 {
			t.Errorf("shared with %v by %d calls, want 10 as well by a second one", with, calls)
		}
	})
}

func TestAnAudienceThatCannotBeSharedIsUploadedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"share_with: [\"8\"]\n") // of no business that TikTok knows
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		for day := range 2 {
			w.people(1200, 1300+day)
			<-time.After(25 * time.Hour)
			i.upload(Uploaded, Options{})
		}
		w.holdsTheTable()
		if log := i.log.String(); !strings.Contains(log, "could not be shared") || !strings.Contains(log, "correct audience_file.share_with") {
			t.Errorf("the log does not say so:\n%s", log)
		}
		if _, calls := w.shares(); calls < 2 {
			t.Errorf("%d attempts in two days, want one a run", calls)
		}
	})
}
