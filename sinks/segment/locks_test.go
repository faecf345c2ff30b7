package segment

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestLocksAreTakenAllOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l locks
		first, err := l.take(t.Context(), []uint64{2, 1, 2})
		if err != nil || len(first) != 2 {
			t.Fatalf("got %v, %v, want each once", first, err)
		}
		second := make(chan []uint64)
		go func() {
			keys, _ := l.take(t.Context(), []uint64{2, 3})
			second <- keys
		}()
		synctest.Wait()
		third, err := l.take(t.Context(), []uint64{3})
		if err != nil {
			t.Fatalf("one who waits has taken something: %v", err)
		}
		l.give(third)
		l.give(first)
		if keys := <-second; len(keys) != 2 {
			t.Errorf("got %v, want both", keys)
		}
	})
}

func TestWaitingForLocksEndsWithTheContext(t *testing.T) {
	var l locks
	if _, err := l.take(t.Context(), []uint64{1}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	keys, err := l.take(ctx, []uint64{1, 2})
	if err == nil || len(keys) != 0 {
		t.Errorf("got %v, %v, want an error and nothing to give back", keys, err)
	}
}
