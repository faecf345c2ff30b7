package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// note is what all instances of a copy know.
type note struct {
	mu   sync.Mutex
	done bool
}

func (n *note) is(context.Context) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.done, nil
}

func (n *note) set(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done = true
	return nil
}

// copyOf copies n records; each is called before every one of them.
func copyOf(n int, known *note, each func(i int)) Copy {
	return Copy{Name: "tokrelay.migrate", Done: known.is, Note: known.set, Last: kgo.Record{Topic: "to", Key: []byte("last")},
		Read: func(_ context.Context, take func(*pipeline.Record) error) error {
			for i := range n {
				each(i)
				if err := take(&pipeline.Record{Key: fmt.Appendf(nil, "%05d", i)}); err != nil {
					return err
				}
			}
			return nil
		},
		Make: func(r *pipeline.Record, write kafka.Write) { write("to", 0, r.Key, r.Key) }}
}

func TestACopyIsMadeOnce(t *testing.T) {
	b := newBench(t, "to")
	known := &note{}
	for _, want := range []int{25_000, 0} {
		n, err := copyOf(25_000, known, func(int) {}).Run(t.Context(), b.config())
		if n != want || err != nil {
			t.Fatalf("got %d records and %v, want %d", n, err, want)
		}
	}
	got := b.committed("to", 25_001)
	if len(got) != 25_001 || len(slices.Compact(got)) != 25_001 {
		t.Errorf("got %d records, %d different, want 25001", len(got), len(slices.Compact(got)))
	}
}

// One that stops in the middle, and goes on once another has done it all, writes nothing any more: not even where it had
// read everything, and had yet to say that it is done.
func TestWhoeverBeganBeforeWritesNothingAnyMore(t *testing.T) {
	for _, at := range []int{0, 15_000, 24_999} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			b := newBench(t, "to")
			known := &note{}
			stopped, goOn := make(chan struct{}), make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				_, err := copyOf(25_000, known, func(i int) {
					if i == at {
						close(stopped)
						<-goOn
					}
				}).Run(t.Context(), b.config())
				ended <- err
			}()
			<-stopped
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := copyOf(25_000, known, func(int) {}).Run(ctx, b.config()); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			if err := <-ended; err == nil {
				t.Error("the first one says that it copied, want an error: it is to look again")
			} else if errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			b.put("to", 0, "sentinel")
			before := at / copyAtOnce * copyAtOnce // what the first one had committed by then
			if got := b.committed("to", before+25_002); len(got) != before+25_002 {
				t.Errorf("got %d records, want %d of before and 25002", len(got), before)
			}

		})
	}
}
