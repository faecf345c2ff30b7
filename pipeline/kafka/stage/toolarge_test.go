package stage

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// takes has a topic take that many bytes at once.
func (b *bench) takes(topic, bytes string) {
	b.Helper()
	if _, err := kadm.NewClient(b.client).AlterTopicConfigs(b.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &bytes}}, topic); err != nil {
		b.Fatal(err)
	}
}

// large is a value of 40,000 bytes that no codec makes smaller.
func large() []byte {
	v := make([]byte, 40_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(v)
	return v
}

// told keeps the last trouble.
type told struct{ last atomic.Pointer[error] }

func (n *told) tell(err error) { n.last.Store(&err) }

func (n *told) isTooLarge() bool {
	last := n.last.Load()
	if last == nil {
		return false
	}
	_, is := errors.AsType[*kafka.TooLarge](*last)
	return is
}

func (n *told) isOver() bool { last := n.last.Load(); return last != nil && *last == nil }

// Nothing gets past it before an operator has acted, and all goes on by itself then.
func TestATopicThatTakesTooLittleIsToldByASession(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "out")
	b.takes("out", "20000")
	var n told
	group := b.group("in")
	group.Trouble = n.tell
	b.start(NewSession(b.config(), SessionOptions{Group: group, Handle: func(_ context.Context, batch *Batch) error {
		for i := range batch.Records {
			batch.Write("out", 0, large(), batch.Records[i].Value)
		}
		return nil
	}}).Run)
	b.put("in", 0, "a")
	b.eventually("the operator is told", n.isTooLarge)
	b.takes("out", "1048576")
	if got := b.committed("out", 1); len(got) != 1 || got[0] != "a" {
		t.Errorf("got %v, want the record", got)
	}
	b.eventually("the trouble is over", n.isOver)
}

// What a call has left to be said again must not be lost.
func TestATopicThatTakesTooLittleIsToldByAWatermarkWhichWritesAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, "claims")
	b.takes("claims", "20000")
	var n told
	w, err := NewWatermark(b.config(), WatermarkOptions{Group: b.group("claims"), Refused: n.tell,
		Restore: func(int32, int64) Restoration {
			return Restoration{Take: func(*pipeline.Record) error { return nil }, Own: func(int64) {}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Write("claims", 0, large(), []byte("a"))
	b.eventually("the operator is told", n.isTooLarge)
	b.takes("claims", "1048576")
	if got := b.committed("claims", 1); len(got) != 1 || got[0] != "a" {
		t.Errorf("got %v, want the record", got)
	}
	b.eventually("the trouble is over", n.isOver)
}
