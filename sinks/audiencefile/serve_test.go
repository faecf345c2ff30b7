package audiencefile

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// serving serves until stop is called.
func (i *instance) serving() (stop func()) {
	ctx, end := context.WithCancel(i.t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Serve(ctx) }()
	return func() {
		end()
		<-done
	}
}

func TestTheScheduleRunsItAndMissedTimesAreMadeUpForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		stop := i.serving()
		<-time.After(2*time.Hour + 59*time.Minute)
		if n := w.tiktok.Stats().Calls; n != 0 {
			t.Errorf("got %d calls before the first time of the schedule", n)
		}
		<-time.After(2 * time.Minute)
		w.holdsTheTable()
		stop()

		w.people(1200, 1400)
		<-time.After(3 * 24 * time.Hour) // down for three days
		stop = w.instance(i.folder).serving()
		<-time.After(time.Minute)
		w.holdsTheTable()
		<-time.After(12 * time.Hour)
		stop()
		if a, _ := w.held(); len(a.History) != 2 {
			t.Errorf("got %+v, want one upload for the three missed", a.History)
		}
	})
}

func TestARequestIsServedOnceByWhoeverIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		stopA, stopB := w.instance(tempDir(t)).serving(), w.instance(tempDir(t)).serving()
		i := w.instance(tempDir(t))
		if err := Ask(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience, Request{At: time.Now(), Why: "resync", Rebuild: true}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		w.holdsTheTable()
		<-time.After(time.Hour)
		stopA()
		stopB()
		list, err := Manifests(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience)
		if err != nil || len(list) != 1 || list[0].Why != "resync" {
			t.Errorf("got %+v, %v, want one run", list, err)
		}
	})
}

func TestWhatTikTokMadeOfAnUploadIsFollowedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		defer i.serving()()
		<-time.After(3*time.Hour + 20*time.Minute)
		list, err := Manifests(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience)
		if err != nil || len(list) != 1 || list[0].Settled != Usable || list[0].Covered != 1200 {
			t.Errorf("got %+v, %v, want an upload that TikTok uses", list, err)
		}
	})
}

func TestAnInstanceThatCannotRenewItsLeaseStops(t *testing.T) {
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
		w.topic.during = func(read int) {
			if read == 600 {
				away.Store(true)
				<-time.After(50 * time.Second) // the state topic is away longer than the lease lasts
			}
		}
		_, err := w.instance(tempDir(t)).Run(t.Context(), Options{})
		if err != ErrBusy {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if n := w.tiktok.Stats().Calls; n != 0 {
			t.Errorf("got %d calls after the lease was lost", n)
		}
	})
}

func TestSchedulesFollowTheirTimeZone(t *testing.T) {
	for name, c := range map[string]struct{ schedule, zone, after, want string }{
		"plain":                               {"0 3 * * *", "UTC", "2026-11-22T02:59:59Z", "2026-11-22T03:00:00Z"},
		"exactly then is over":                {"0 3 * * *", "UTC", "2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"},
		"another zone":                        {"0 3 * * *", "Europe/Berlin", "2026-11-22T00:00:00Z", "2026-11-22T02:00:00Z"},
		"an hour that spring leaves out":      {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
		"an hour that autumn has twice":       {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		"its second coming":                   {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		"day of month or weekday, as in cron": {"0 0 1 * 1", "UTC", "2026-11-24T00:00:00Z", "2026-11-30T00:00:00Z"},
	} {
		s, err := newSchedule(c.schedule, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		if got := s.after(after).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestTheFirstRunThatDiesIsMadeUpForAtTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		ctx, stop := context.WithCancel(t.Context())
		k := &killer{at: 8, stop: stop}
		w.crash = k.step
		i := w.instance(tempDir(t))
		done := make(chan error, 1)
		go func() { done <- i.Serve(ctx) }()
		<-done // killed shortly after three
		w.crash = nil
		<-time.After(10 * time.Minute)
		if !k.dead || len(w.tiktok.Audiences()) != 0 {
			t.Fatal("the first instance was not killed before it had uploaded anything")
		}
		stop = w.instance(tempDir(t)).serving()
		<-time.After(time.Minute)
		stop()
		w.holdsTheTable()
	})
}
