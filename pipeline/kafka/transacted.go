package kafka

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// transacted is a chunk on its way through a transaction.
type transacted struct {
	ctx    context.Context
	chunk  *pipeline.Chunk
	write  func(Write)
	answer chan error // one

	now *tried // Run's: its part in the transaction at hand

	mu   sync.Mutex // held while write is called
	gone bool       // Chunk has returned, or is about to
}

// tried is a chunk's part in one transaction. Answers of one that was given up may come later.
type tried struct {
	written int // records; 0 as well for a chunk that has come to be another instance's
	in      bool

	mu  sync.Mutex
	why error // of the first record that Kafka refused; one that is too large comes before all that follows of it
}

// leave ends the chunk's wait; write is not called any more. What was answered meanwhile counts.
func (w *transacted) leave(why error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	select {
	case err := <-w.answer:
		return err
	default:
		return why
	}
}

// reply answers the chunk; later answers change nothing.
func (w *transacted) reply(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.gone {
		w.gone = true
		w.answer <- err
	}
}

// isGone reports whether it has been answered, or does not wait for an answer.
func (w *transacted) isGone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

func answerAll(list []*transacted, err error) {
	for _, w := range list {
		w.reply(err)
	}
}

func unanswered(list []*transacted) []*transacted {
	return slices.DeleteFunc(slices.Clone(list), (*transacted).isGone)
}

// writeTo writes the chunk's records, unless it has come to be another instance's.
func (w *transacted) writeTo(ctx context.Context, to *transactor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := &tried{in: !w.gone && w.ctx.Err() == nil}
	w.now = now
	if !now.in {
		return
	}
	note := now.note // once: a method as a value is allocated
	w.write(func(topic string, partition int32, key, value []byte) {
		now.written++
		to.client.Produce(ctx, to.slab.Record(topic, partition, key, value), note)
	})
}

// note keeps what Kafka said of a record.
func (n *tried) note(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.why == nil || tooLarge(err) && !isTooLarge(n.why) {
		n.why = Refusal(r.Topic, len(r.Key)+len(r.Value), err)
	}
}

// refusal is why Kafka did not take the chunk's records, if so.
func (n *tried) refusal() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.why
}
