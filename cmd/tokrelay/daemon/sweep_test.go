package daemon

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatIsDailyIsDoneSoonAfterEveryStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, at := time.Now(), []time.Duration{}
		ctx, stop := context.WithTimeout(t.Context(), 49*time.Hour)
		defer stop()
		_ = daily(func(context.Context) error {
			at = append(at, time.Since(began))
			return context.DeadlineExceeded // tomorrow, then
		})(ctx)
		if len(at) != 3 || at[0] > time.Hour || at[2]-at[1] != 24*time.Hour {
			t.Errorf("done after %v, want soon, and then daily", at)
		}
	})
}
