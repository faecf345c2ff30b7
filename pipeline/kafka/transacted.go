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

	oneByOne bool // Run's: its records shared a batch that was too large for the topic
	in       bool // Run's: it is in the transaction at hand

	mu   sync.Mutex // held while write is called
	gone bool       // Chunk has returned, or is about to

	refused sync.Mutex
	written int    // records
	why     error  // of the first record that Kafka refused
	large   []int  // records that are too large
	topic   string // of the first of them
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
	w.in, w.written, w.why, w.large = !w.gone && w.ctx.Err() == nil, 0, nil, nil
	if !w.in {
		return
	}
	done := func(r *kgo.Record, err error) { w.note(r, err, -1) }
	w.write(func(topic string, partition int32, key, value []byte) {
		n := w.written
		w.written++
		if to.oneByOne {
			done = func(r *kgo.Record, err error) { w.note(r, err, n) }
		}
		to.client.Produce(ctx, to.slab.Record(topic, partition, key, value), done)
	})
}

// note keeps what Kafka said of a record; n is its number, where that matters.
func (w *transacted) note(r *kgo.Record, err error, n int) {
	if err == nil {
		return
	}
	w.refused.Lock()
	defer w.refused.Unlock()
	if w.why == nil || tooLarge(err) && !tooLarge(w.why) {
		w.why, w.topic = err, r.Topic
	}
	if tooLarge(err) {
		w.large = append(w.large, n)
	}
}

// refusal is why Kafka did not take the chunk's records; one that is too large comes before all that follows of it.
func (w *transacted) refusal() error {
	w.refused.Lock()
	defer w.refused.Unlock()
	return w.why
}
