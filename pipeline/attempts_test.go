package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheStatusShowsWhatIsTriedUntilTheLastOfThoseWhoTryHasSucceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := NewStatus(time.Now)
		a := &Attempts{Status: status, Sync: "orders", What: "write letters", Kind: TroubleKafka}
		began := time.Now()
		after := func(d time.Duration, err error) func() error {
			return func() error {
				if time.Since(began) < d {
					return err
				}
				return nil
			}
		}
		ended := make(chan error)
		go func() { ended <- a.Until(t.Context(), after(time.Minute, errors.New("broker is away"))) }()
		go func() {
			ended <- a.Until(t.Context(), after(time.Hour, &Trouble{Kind: TroubleRegistry, What: "registry is away", Stop: true}))
		}()
		if err := <-ended; err != nil || time.Since(began) > 2*time.Minute {
			t.Errorf("the first ended after %s with %v", time.Since(began), err)
		}
		<-time.After(time.Minute)
		list := status.Troubles("orders")
		if len(list) != 1 || list[0].What != "write letters: registry is away" || list[0].Kind != TroubleRegistry || !list[0].Stop || time.Until(list[0].Until) > 30*time.Second {
			t.Errorf("while the second tries: got %+v", list)
		}
		if err := <-ended; err != nil || len(status.Troubles("orders")) > 0 {
			t.Errorf("in the end: %v, %+v", err, status.Troubles("orders"))
		}
	})
}

func TestWhatIsTriedIsGivenUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, why := NewStatus(time.Now), errors.New("the partition is lost")
		a := &Attempts{Status: status, Sync: "orders", What: "write letters", Kind: TroubleKafka}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, why)
		defer cancel()
		if err := a.Until(ctx, func() error { return errors.New("broker is away") }); !errors.Is(err, why) || len(status.Troubles("orders")) > 0 {
			t.Errorf("got %v, troubles %v", err, status.Troubles("orders"))
		}
	})
}
