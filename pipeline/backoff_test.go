package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestABackoffDoublesUpToItsMost(t *testing.T) {
	b := Backoff{First: 100 * time.Millisecond, Most: time.Second}
	for failures, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := b.After(failures); got != want*time.Millisecond {
			t.Errorf("after %d failures: got %v, want %dms", failures, got, want)
		}
	}
	if got := (Backoff{First: 20 * time.Hour, Most: 100 * time.Hour}).After(1 << 40); got != 100*time.Hour {
		t.Errorf("after very many failures: got %v, want 100h", got)
	}
}

func TestABackoffWithJitterStaysBetweenItsParts(t *testing.T) {
	b, least, most := Backoff{First: time.Second, Most: time.Minute, Low: 0.5, High: 1.2}, time.Hour, time.Duration(0)
	for range 10_000 {
		d := b.After(3)
		least, most = min(least, d), max(most, d)
	}
	if least < 4*time.Second || least > 4500*time.Millisecond || most > 9600*time.Millisecond || most < 9*time.Second {
		t.Errorf("eight seconds became %v to %v, want nearly all of 4s to 9.6s", least, most)
	}
}

func TestABackoffWaitsUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began, why := Backoff{First: time.Second, Most: time.Minute}, time.Now(), errors.New("the partition is gone")
		if err := b.Wait(t.Context(), 2); err != nil || time.Since(began) != 4*time.Second {
			t.Errorf("waited %v and got %v, want 4s", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, why)
		defer cancel()
		if err := b.Wait(ctx, 5); err != why || time.Since(began) != 14*time.Second {
			t.Errorf("waited %v and got %v, want 14s and the cause", time.Since(began), err)
		}
	})
}

func TestALongPauseIsNeverNone(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, b := range []Backoff{
		{First: 3 * time.Hour, Most: 290 * year, Low: 0.8, High: 1.2}, {First: 290 * year, Most: 290 * year, Low: 0.8, High: 1.2}, {First: 100 * year, Most: 290 * year},
	} {
		for _, failures := range []int{0, 1, 20, 63, 1 << 30} {
			if got := b.After(failures); got < time.Hour {
				t.Errorf("%+v after %d failures: waits %v", b, failures, got)
			}
		}
	}
}
