package owners

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Outcome is how the telling of a digest ended.
type Outcome uint8

// How a telling ends.
const (
	Unanswered Outcome = iota // TikTok may or may not know: it is told again
	Accepted
	Refused // for good, and a dead letter was written: it counts as told
)

// Saying is one thing that TikTok is told: that a digest is in its audience, or is not.
type Saying struct {
	Kind     member.Kind
	Audience []byte // as rows name it; nothing: the syncs' own
	Digest   []byte
	Remove   bool
	Version  uint64 // digests of one version are one person's, and may share an element
	Sync     Tag
	Source   pipeline.Position // the row because of which it is said
	Time     int64             // of the row, Unix milliseconds
	Outcome  Outcome           // set by who tells

	work *work
}

// ClaimsOptions are the neighbours of Claims.
type ClaimsOptions struct {
	Topics Topics
	// Tell tells TikTok, and returns once each saying has an outcome. They are of one audience and one sync, and no other call for their digests is under
	// way. Once ctx ends no call is begun any more. Before each call it asks MayCall.
	Tell func(ctx context.Context, list []Saying)
	// Commit has Kafka keep offsets, and reports of each partition whether it did.
	Commit func(ctx context.Context, offsets map[int32]int64) map[int32]bool
	Write  Write // outside of any transaction
	// Held reports whether TikTok must not be told now what a sync's rows say. It waits, and holds no other sync's up. Nil: never.
	Held func(Tag) bool

	Most    int           // digests in one Tell
	AtOnce  int           // Tells of one audience under way at once
	Linger  time.Duration // how long a digest may wait for others
	Backlog int           // digests that may wait before Wait blocks; those of held syncs do not count
	Every   time.Duration // between commits
	Session time.Duration // of the group: without a heartbeat for this long, Kafka gives the partitions to another instance
	Longest time.Duration // a call may take
}

// Claims owns the digests of the partitions that are this instance's: it alone tells TikTok of them, one call at a time for
// each. All methods may be called from several goroutines.
//
// A call begins only while the last commit that succeeded was sent less than Session − Longest ago: when Kafka gives the
// partition to another instance, every call has ended. A process that is frozen between that look and the call may call
// late. So a call counts once a commit that was sent after its answer has succeeded; who loses a partition before that has the
// new owner tell TikTok once more.
type Claims struct {
	o       ClaimsOptions
	commits queue // a commit is never under way while partitions come or go

	mu       sync.Mutex
	parts    map[int32]*claimsPart
	audience map[string]*audienceQueue
	works    int
	aside    map[Tag][]*work // of syncs that are held
	asides   int             // how many of works are
	lease    time.Time       // when the last commit that succeeded was sent
	wake     chan struct{}
	tells    sync.WaitGroup
}

// queue is a mutex that is held while Kafka is waited for: a channel, which virtual time can see through.
type queue chan struct{}

func (q queue) take() { q <- struct{}{} }
func (q queue) end()  { <-q }

// NewClaims makes one that owns nothing yet. Run must run for anything to be told.
func NewClaims(o ClaimsOptions) *Claims {
	return &Claims{o: o, commits: make(queue, 1), parts: map[int32]*claimsPart{}, audience: map[string]*audienceQueue{}, aside: map[Tag][]*work{}, wake: make(chan struct{}, 1)}
}

// Restoring is a partition that is being taken over.
type Restoring struct{ part *claimsPart }

// Restore begins to take a partition over, whose group has committed that offset.
func (c *Claims) Restore(partition int32, committed int64) *Restoring {
	return &Restoring{newClaimsPart(partition, committed)}
}

// Take takes a record of the partition over; they come in their order. The error is a *LaterForm.
func (r *Restoring) Take(rec *pipeline.Record) error { return r.part.restore(rec) }

// Own ends a restoration: the partition is this instance's from here on. end is where its log ended.
func (c *Claims) Own(r *Restoring, end int64) {
	r.part.restored(end)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[r.part.id] = r.part
}

// Take takes records of owned partitions over. The error is a *LaterForm.
func (c *Claims) Take(records []pipeline.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range records {
		p := c.parts[records[i].Partition]
		if p == nil {
			continue
		}
		before := len(p.works)
		w, err := p.take(&records[i])
		if err != nil {
			return err
		}
		if c.works += len(p.works) - before; w != nil {
			c.enqueue(w)
		}
	}
	c.poke()
	return nil
}

// Wait blocks while too many digests wait.
func (c *Claims) Wait(ctx context.Context) error {
	for c.isFull() {
		if err := pipeline.Wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *Claims) isFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.works-c.asides > c.o.Backlog || c.asides > mostAside
}

// mostAside bounds what digests of held syncs take of memory.
const mostAside = 1 << 20

// Waiting is the number of digests about which TikTok is to be told, or is being told.
func (c *Claims) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.works
}

// Owned are the partitions.
func (c *Claims) Owned() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.parts))
}

func (c *Claims) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// MayCall reports whether a call may begin now.
func (c *Claims) MayCall() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mayCall(time.Now())
}

func (c *Claims) mayCall(now time.Time) bool { return now.Sub(c.lease) < c.o.Session-c.o.Longest }

// SayAgain has the owners of a row's digests tell TikTok once more what is wanted, after a dead letter for example.
func SayAgain(t Topics, set []byte, sync Tag, source Source, write Write) {
	c := claim{says: again, sync: sync, source: source}
	value, number := c.append(nil), rand.Int64()
	for d, rest := Next(set); d != nil; d, rest = Next(rest) {
		write(t.Claims, ownerOf(d, t.Parts), appendClaimKey(nil, d, noRow, number), value)
	}
}

// again has the new owner of a digest tell TikTok once more: our call may have come after its own.
func (c *Claims) again(p int32, a *answer) {
	says := a.cause.claim(again)
	c.o.Write(c.o.Topics.Claims, p, appendClaimKey(nil, a.digest, noRow, rand.Int64()), says.append(nil))
}
