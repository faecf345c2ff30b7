package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TransactionTimeout is the age at which Kafka aborts what a killed instance has left open. Brokers look for that every ten seconds, so
// readers wait for up to twice as long behind it.
const TransactionTimeout = 10 * time.Second

// sourceTransactions is where trouble with transactions comes from.
const sourceTransactions = "transactions"

// transactor is the client of Transactions, until it fails. Its group is the Consumer's, but it never joins: it has no topic to read.
// So franz-go ends its transactions as those of a member, whatever version the brokers are of, and the offsets in them are the Consumer's.
type transactor struct {
	session *kgo.GroupTransactSession
	client  *kgo.Client
	quit    context.CancelFunc
	slab    Slab
}

// transactor is the client, made if need be.
func (t *Transactions) transactor() (*transactor, error) {
	if t.now != nil {
		return t.now, nil
	}
	opts, err := t.options()
	if err != nil {
		return nil, err
	}
	life, quit := context.WithCancel(context.Background())
	session, err := kgo.NewGroupTransactSession(append(opts, kgo.WithContext(life))...)
	if err != nil {
		quit()
		return nil, fmt.Errorf("kafka client of transactions: %w", err)
	}
	t.now = &transactor{session: session, client: session.Client(), quit: quit}
	return t.now, nil
}

func (t *Transactions) options() ([]kgo.Opt, error) {
	o := t.consumer.opts
	opts, err := t.cfg.options(o.Sync+"-transactions", t.log)
	if err != nil {
		return nil, err
	}
	return append(opts,
		kgo.ConsumerGroup(o.Group),
		kgo.TransactionalID(t.id),
		kgo.TransactionTimeout(TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(0),
		t.cfg.metered("transactions", o.Sync)), nil
}

// discard ends the client. What it has left open ends when another one begins, or by its timeout.
func (t *Transactions) discard() {
	if t.now != nil {
		t.now.quit()
		t.now.session.Close()
		t.now = nil
	}
}

// transact makes a transaction of chunks, and answers those that are done with.
func (t *Transactions) transact(run context.Context, list []*transacted) error {
	for _, w := range list {
		w.now = &tried{}
	}
	t.consumer.enterTransaction(list)
	committed, err := t.attempt(run, list)
	if committed || err != nil {
		t.consumer.opts.Metrics.committed(committed)
	}
	for _, w := range list {
		t.consumer.leftTransaction(w, committed)
		if err == nil && w.now.in {
			w.reply(nil)
		}
	}
	return err
}

// attempt is one transaction, from its beginning to its end. A client that may not go on is discarded.
func (t *Transactions) attempt(run context.Context, list []*transacted) (committed bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(run), TransactionTimeout) // Kafka aborts it after that
	defer cancel()
	defer context.AfterFunc(run, func() { time.AfterFunc(endGrace, cancel) })()
	now, err := t.transactor()
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, now.quit)() // with Kafka away, nothing ends by itself
	if err := now.write(ctx, list); err != nil {
		_, _ = now.session.End(ctx, kgo.TryAbort)
		t.discard()
		return false, err
	}
	vouch := func(r *kmsg.TxnOffsetCommitRequest) error { return t.consumer.vouch(r, list) }
	committed, err = now.session.End(kgo.PreTxnCommitFnContext(ctx, vouch), kgo.TransactionEndTry(anyWritten(list)))
	switch {
	case errors.Is(err, errNotOurs), errors.Is(err, ErrPutOut): // aborted in good order
		return false, err
	case err != nil:
		t.discard()
		return false, fmt.Errorf("end a transaction: %w", err)
	case !committed && anyWritten(list):
		return false, errNotTaken
	}
	return committed, nil
}

// errNotTaken is of offsets that Kafka does not take at the moment; franz-go does not tell which of the reasons it is.
var errNotTaken = errors.New("commit the offsets of the group: they are not taken while it rebalances, or its coordinator is away")

// write writes what follows of chunks, and returns why Kafka did not take all of it.
func (n *transactor) write(ctx context.Context, list []*transacted) error {
	n.slab.Reset()
	if err := n.session.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	for _, w := range list {
		w.writeTo(ctx, n)
	}
	if err := n.client.Flush(ctx); err != nil {
		return fmt.Errorf("write in a transaction: %w", err)
	}
	for _, w := range list {
		if err := w.now.refusal(); err != nil {
			return err
		}
	}
	return nil
}

func anyWritten(list []*transacted) bool {
	return slices.ContainsFunc(list, func(w *transacted) bool { return w.now.written > 0 })
}

// trouble is what the operator is told of a transaction that fails.
func (t *Transactions) trouble(err error) *pipeline.Trouble {
	group := t.consumer.opts.Group
	what, stop := "", true
	switch {
	case isTooLarge(err):
		what = err.Error()
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		what = fmt.Sprintf("Kafka does not let this user write transactions: grant Write and Describe on the transactional ids that begin with %q", group+".")
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		what = "Kafka does not let this user write transactions: grant IdempotentWrite on the cluster"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		what = fmt.Sprintf("Kafka does not let this user commit offsets in transactions: grant Read on group %s", group)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		what = err.Error()
	default:
		what, stop = fmt.Sprintf("%v: it is tried again", err), false
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: what, Stop: stop}
}
