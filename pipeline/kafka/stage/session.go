package stage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// SessionOptions are what a Session does.
type SessionOptions struct {
	Group
	// Handle handles a transaction's worth of records and writes what follows of them; what may take long comes before the first
	// Write. An error aborts: the records come again. ctx outlives the end of Run for the Drain; pipeline.Leaving says when
	// partitions are to be given up.
	Handle func(ctx context.Context, b *Batch) error
	// Ended is told of each transaction how it ended, before the next.
	Ended func(committed bool)

	// Of one topic whose partitions are restored from those of From; From "" restores nothing.
	From    string
	Restore func(partition int32) Restoration
	Dropped func(partitions []int32) // they are not ours any more

	Records int  // most records of a transaction; default 10000
	Bytes   int  // no more are read for it once they have this size; default 8 MiB
	Purge   bool // records behind the commits are deleted, every half minute
}

// Session is a member of a group whose every step is one transaction: records in, records out, offsets. Run may be called once.
type Session struct {
	cfg kafka.Config
	o   SessionOptions
}

// NewSession makes one; it opens no connection.
func NewSession(cfg kafka.Config, o SessionOptions) *Session {
	o.Group = o.Group.withDefaults()
	if o.Records == 0 {
		o.Records = 10_000
	}
	if o.Bytes == 0 {
		o.Bytes = 8 << 20
	}
	o.Metrics.begin(o.Stage)
	if o.Ended == nil {
		o.Ended = func(bool) {}
	}
	if o.Dropped == nil {
		o.Dropped = func([]int32) {}
	}
	return &Session{cfg: cfg, o: o}
}

const (
	// gatherFor is how long a step that has many records waits for more.
	gatherFor   = 100 * time.Millisecond
	many        = 500
	purgeEvery  = 30 * time.Second
	purgeWithin = 5 * time.Second
)

// Run reads until ctx ends; then the transaction under way ends, and the member leaves its group. What fails is told to
// Trouble and begun again.
func (s *Session) Run(ctx context.Context) { s.o.again(ctx, s.once) }

// run is a Session from joining the group until it fails.
type run struct {
	*Session
	session *kgo.GroupTransactSession
	client  *kgo.Client
	member  kafka.Membership
	take    *takeover
	batch   Batch
	revoked atomic.Bool // since the last End
	polling atomic.Pointer[context.CancelFunc]
	blocked chan struct{} // the group waits for the transaction under way
	purged  time.Time
	news    news
}

func (s *Session) once(ctx context.Context) error {
	life, end := lifeOf(ctx, s.o.Drain)
	defer end()
	own, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	r := &run{Session: s, blocked: make(chan struct{}, 1), news: news{tell: s.o.Trouble}}
	if s.o.From != "" {
		r.take = newTakeover(s.cfg, s.o.Group, s.o.Topics[0], s.o.From, fail)
		r.take.restore = func(_ context.Context, id int32) (Restoration, error) { return s.o.Restore(id), nil }
		defer r.end()
	}
	opts, err := r.options(own)
	if err != nil {
		return err
	}
	client, quit := context.WithCancel(context.Background())
	defer quit()
	if r.session, err = kgo.NewGroupTransactSession(append(opts, kgo.WithContext(client))...); err != nil {
		return fmt.Errorf("join group %s: %w", s.o.Group.Group, err)
	}
	r.client = r.session.Client()
	r.batch.writeBy(client, r.client)
	defer leave(r.client, quit)
	defer context.AfterFunc(life, quit)() // with Kafka away, nothing ends by itself
	for own.Err() == nil {
		if err := r.step(own, life); err != nil {
			return err
		}
	}
	return context.Cause(own)
}

func (r *run) options(own context.Context) ([]kgo.Opt, error) {
	opts, err := r.o.options(r.cfg)
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		kgo.TransactionalID(r.o.Group.Group+"."+rand.Text()), // a cut-off instance is fenced by its group's generation
		kgo.TransactionTimeout(kafka.TransactionTimeout),
		kgo.OnPartitionsCallbackBlocked(func(context.Context, *kgo.Client) {
			select {
			case r.blocked <- struct{}{}:
			default:
			}
		}),
		kgo.OnPartitionsRevoked(r.drop),
		kgo.OnPartitionsLost(func(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
			r.member.Lost()
			r.drop(ctx, client, gone)
		}),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, given map[string][]int32) {
			_ = r.member.Joined(client) // told with the next transaction
			if ids := given[r.o.Topics[0]]; len(ids) > 0 && r.take != nil {
				r.take.begin(own, client, ids)
			}
		}))
	return opts, nil
}

// drop gives partitions up. That their new owner cannot read behind what is open is Kafka's affair.
func (r *run) drop(_ context.Context, client *kgo.Client, gone map[string][]int32) {
	r.revoked.Store(true)
	if stop := r.polling.Load(); stop != nil {
		(*stop)()
	}
	if r.take != nil {
		r.take.drop(client, gone[r.o.Topics[0]])
	}
	for _, topic := range r.o.Topics {
		if ids := gone[topic]; len(ids) > 0 {
			r.o.Dropped(ids)
		}
	}
}

// end gives up what is still ours: the session has failed, or Run has ended.
func (r *run) end() {
	r.take.end()
	if r.client == nil {
		return
	}
	r.o.Ended(false)
	r.o.Dropped(r.take.drop(r.client, r.take.owned()))
}

// step reads, and makes a transaction of what it read.
func (r *run) step(ctx, life context.Context) error {
	if err := r.gather(ctx); err != nil {
		return err
	}
	switch {
	case r.revoked.Swap(false): // else the transaction would be aborted, and a later revocation not be told: what was read comes again
		r.session.AllowRebalance()
		_, err := r.session.End(life, kgo.TryAbort)
		return err
	case !r.batch.moves:
		r.session.AllowRebalance()
		return nil
	}
	return r.transact(life, ctx)
}

// gather reads a transaction's worth of records: what there is, and more while there is much.
func (r *run) gather(ctx context.Context) error {
	b := &r.batch
	b.reset()
	began := time.Now()
	polling, stop := context.WithCancel(ctx)
	defer stop()
	r.polling.Store(&stop)
	fetches := r.client.PollRecords(polling, r.o.Records)
	for {
		if err := failure(fetches); err != nil && ctx.Err() == nil {
			return err
		}
		r.news.of(fetches)
		n := b.add(fetches)
		if n < many || len(b.Records) >= r.o.Records || b.size >= r.o.Bytes || time.Since(began) >= gatherFor {
			return nil
		}
		soon, cancel := context.WithTimeout(ctx, 2*time.Millisecond)
		fetches = r.client.PollRecords(soon, r.o.Records-len(b.Records))
		cancel()
	}
}

// transact handles the batch. The group may rebalance while the transaction is ended, not after that: End would wait for a
// heartbeat that a lost session cannot send before it may rebalance.
func (r *run) transact(life, leaving context.Context) error {
	if id, _ := r.client.GroupMetadata(); r.member.Check(id) != nil {
		return kafka.ErrPutOut
	}
	if err := r.session.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	var why error
	if len(r.batch.Records) > 0 {
		why = r.handle(life, leaving)
	}
	r.session.AllowRebalance()
	try := kgo.TransactionEndTry(why == nil)
	if try == kgo.TryCommit {
		if err := r.client.Flush(life); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		why = r.batch.failed()
		try = kgo.TransactionEndTry(why == nil)
	}
	r.revoked.Store(false)
	committed, err := r.session.End(kgo.PreTxnCommitFnContext(life, func(r2 *kmsg.TxnOffsetCommitRequest) error { return r.member.Check(r2.MemberID) }), try)
	if err != nil {
		return fmt.Errorf("end a transaction: %w", err)
	}
	r.o.Ended(committed)
	r.o.Metrics.ended(r.o.Stage, committed)
	if committed && r.o.Purge && time.Since(r.purged) >= purgeEvery {
		r.purge(life)
	}
	if errors.Is(why, pipeline.ErrHeld) {
		return nil // the group takes partitions away, or Run has ended
	}
	return why
}

// handle has the batch handled: waiting in it ends when partitions are to be given up.
func (r *run) handle(life, leaving context.Context) error {
	select {
	case <-r.blocked: // of an earlier transaction
	default:
	}
	asked, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-r.blocked:
			close(asked)
		case <-leaving.Done():
			close(asked)
		case <-over:
		}
	}()
	return r.o.Handle(pipeline.WithLeaving(life, asked), &r.batch)
}

// purge deletes what is behind the commits. What does not work now does next time.
func (r *run) purge(ctx context.Context) {
	r.purged = time.Now()
	ctx, cancel := context.WithTimeout(ctx, purgeWithin)
	defer cancel()
	behind := kadm.Offsets{}
	for topic, partitions := range r.client.CommittedOffsets() {
		for id, at := range partitions {
			if at.Offset > 0 {
				behind.Add(kadm.Offset{Topic: topic, Partition: id, At: at.Offset, LeaderEpoch: -1})
			}
		}
	}
	if len(behind) == 0 {
		return
	}
	deleted, err := kadm.NewClient(r.client).DeleteRecords(ctx, behind)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil && ctx.Err() == nil {
		r.o.Log.Warn("records that were handled are not deleted", "group", r.o.Group.Group, "error", err)
	}
}
