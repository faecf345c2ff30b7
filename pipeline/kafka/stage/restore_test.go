package stage

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// A partition may be taken away again at any moment of its restoration.
func TestARestorationThatIsGivenUpEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, "table")
	for range 300 {
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = b.group("table").withDefaults().readToBarrier(ctx, b.config(), "table", 0, func(*pipeline.Record) error { return nil })
		}()
		time.Sleep(time.Duration(rand.Int64N(int64(3 * time.Millisecond))))
		cancel()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("it has not ended within 20s")
		}
	}
}
