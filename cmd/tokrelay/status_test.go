package main

import (
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// The documented exit codes: 0 up to date, 3 behind or not running, 4 held or paused; the worst sync decides.
func TestStatusEndsAsTheWorstSyncIs(t *testing.T) {
	for name, c := range map[string]struct {
		syncs []daemon.Verdict
		code  int
	}{
		"up to date":           {[]daemon.Verdict{daemon.UpToDate, daemon.UpToDate}, 0},
		"one is behind":        {[]daemon.Verdict{daemon.Behind, daemon.UpToDate}, 3},
		"one is not running":   {[]daemon.Verdict{daemon.UpToDate, daemon.NotRunning}, 3},
		"one is held":          {[]daemon.Verdict{daemon.Held, daemon.Behind}, 4},
		"one is paused":        {[]daemon.Verdict{daemon.Behind, daemon.Paused}, 4},
		"there is none at all": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var all []*daemon.GroupState
			for _, v := range c.syncs {
				all = append(all, &daemon.GroupState{Verdict: v})
			}
			if got := exitCode(worst(all)); got != c.code {
				t.Errorf("exit code %d, want %d", got, c.code)
			}
		})
	}
}

func TestTimesAreSaidRoughly(t *testing.T) {
	for seconds, want := range map[float64]string{0.2: "1 s", 42: "42 s", 89: "89 s", 90: "2 min", 3600: "60 min", 7200: "2 h"} {
		if got := roughly(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
}
