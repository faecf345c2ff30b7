package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

const (
	// DedupeWindow is how long TikTok drops events it has seen before (P5).
	DedupeWindow = 48 * time.Hour
	// MostReplays is how often a row is replayed before somebody has to insist.
	MostReplays = 3

	replayChunk  = 200
	replayWindow = 8 // chunks on their way at once
)

// ReplayOptions say which dead letters are sent again, and how.
type ReplayOptions struct {
	Filter      deadletter.Filter // its Syncs: none means all that can be replayed
	Limit       int64             // most rows; 0: all
	Rate        float64           // rows a second; 0: as fast as the connection's limits allow
	Force       bool              // rows replayed MostReplays times too
	MaxFailures settings.Percent  // stop when more of the last rows fail again; default 50 %
	Notice      func(string)      // told of what holds the replay up, once per change; may be nil
	Progress    func(done int64)  // told now and then; may be nil
}

// Replay sends dead letters again: through the current configuration, inside this process, straight to TikTok (never
// back into the source topic). A row that fails again becomes a dead letter again, with its replays counted. Progress is
// kept as offsets of consumer groups beside the sync's own, with a note of the filter: an interrupted replay goes on where
// it was, and no replay sends again what another one has done, whatever the filters of both.
//
// Make one, ask Plan what it would do, then DryRun or Run it once, and Close it.
type Replay struct {
	*Daemon
	o     ReplayOptions
	lanes map[string]*lanes // by sync
	plan  *ReplayPlan
	span  deadletter.Span
	chunk int
	pace  *rate.Limiter
	seen  *seen
	late  map[string]bool // places of rows of audiences that a newer change has overtaken

	saving sync.Mutex // one at a time, so that progress never goes back

	mu     sync.Mutex
	report ReplayReport
}

// ReplayReport is what became of the rows.
type ReplayReport struct {
	Rows      int64                         `json:"rows"` // that were to be replayed
	Delivered int64                         `json:"delivered"`
	Rejected  map[pipeline.Reason]int64     `json:"rejected"`
	Skipped   map[pipeline.SkipReason]int64 `json:"skipped"`
	Gone      int64                         `json:"gone"` // neither the letter nor the source has the row any more
	Left      int64                         `json:"left"` // for the next time
}

// settled is how many rows are done with.
func (r *ReplayReport) settled() int64 {
	n := r.Delivered + r.Gone
	for _, m := range r.Rejected {
		n += m
	}
	for _, m := range r.Skipped {
		n += m
	}
	return n
}

// ErrTooManyFailures says that a replay stopped because what made the rows fail has not been corrected.
var ErrTooManyFailures = errors.New("too many rows fail again")

// NewReplay puts a replay together. It opens no connection yet.
func NewReplay(c *Config, o Options, r ReplayOptions) (*Replay, error) {
	d, err := newHelper(c, o) // each sync that is replayed is joined later, with its own source
	if err != nil {
		return nil, err
	}
	replay := &Replay{Daemon: d, o: r, lanes: map[string]*lanes{}, seen: newSeen(), chunk: replayChunk,
		report: ReplayReport{Rejected: map[pipeline.Reason]int64{}, Skipped: map[pipeline.SkipReason]int64{}}}
	if r.Rate > 0 {
		replay.chunk = max(1, min(replayChunk, int(r.Rate)))
		replay.pace = rate.NewLimiter(rate.Limit(r.Rate), replay.chunk)
	}
	if err := replay.choose(); err != nil {
		d.close()
		return nil, err
	}
	return replay, nil
}

// choose finds the syncs that take part. One that was named and cannot be replayed is an error.
func (r *Replay) choose() error {
	named := r.o.Filter.Syncs
	for _, name := range named {
		s, err := r.Config.Sync(name)
		if err != nil {
			return err
		}
		if why := s.notReplayable(); why != "" {
			return fmt.Errorf("sync %s: %s", name, why)
		}
		r.lanes[name] = r.lanesOf(s)
	}
	for i := range r.Config.Syncs {
		if s := &r.Config.Syncs[i]; len(named) == 0 && s.notReplayable() == "" {
			r.lanes[s.Name] = r.lanesOf(s)
		}
	}
	if len(r.lanes) == 0 {
		return errors.New("no sync of the configuration can be replayed: audiences of files are repaired by their next upload")
	}
	return nil
}

// notReplayable says why rows of the sync are not replayed, or nothing.
func (s *Sync) notReplayable() string {
	if s.Kind() == KindFile {
		return "its audience is replaced as a whole: the next upload repairs it, there is nothing to replay"
	}
	return ""
}

// lanesOf names the groups that keep the progress of a sync's replays. Rows that were replayed too often have progress of
// their own, so that a replay with Force still meets those that one without it passed over.
func (r *Replay) lanesOf(s *Sync) *lanes {
	base := r.Config.GroupOf(s) + ".replay"
	note, tells := deadletter.NoteOf(&r.o.Filter)
	group := base
	if !tells {
		group += singleGroup
	} else if text := note.Text(); text != "" {
		sum := sha256.Sum256([]byte(text))
		group += "." + hex.EncodeToString(sum[:6])
	}
	return &lanes{sync: s, group: base, plain: &lane{group: group, note: note, single: !tells},
		insist: &lane{group: group + forcedGroup, note: note, single: !tells}}
}

// Close ends the connections.
func (r *Replay) Close() { r.close() }

// wants says in which lane a letter is replayed; nil when it is not.
func (r *Replay) wants(record *pipeline.Record, h *deadletter.Head) *lane {
	l := r.lanes[string(h.Sync)]
	if l == nil {
		return nil
	}
	lane := l.plain
	if n, _ := strconv.Atoi(string(h.Replays)); n >= MostReplays {
		lane = l.insist
	}
	if lane.has(record, h) {
		return nil
	}
	return lane
}

// allowed says whether a letter of the lane is replayed, or held back by the guard against loops.
func (r *Replay) allowed(l *lane, sync string) bool { return r.o.Force || l == r.lanes[sync].plain }

// router joins the syncs of the replay; each one's source is the replay itself.
func (r *Replay) newRouter(sources *sources) (*router.Router, error) {
	r.remember()
	var list []router.Sync
	for name, l := range r.lanes {
		s, err := r.Daemon.sync(l.sync)
		if err != nil {
			return nil, fmt.Errorf("sync %s: %w", name, err)
		}
		s.Source = sources.of(name)
		s.RejectedShare = router.RejectedShare{Share: cmp.Or(r.o.MaxFailures, 0.5), Rows: replayChunk}
		list = append(list, s)
	}
	return router.New(router.Options{Syncs: list, Status: r.Status, Log: r.Log, Stop: drainReplay + delivery.Grace})
}

// remember makes the state of audiences, which New makes for the syncs it is given.
func (r *Replay) remember() {
	for _, l := range r.lanes {
		if l.sync.IsAudience() && r.state == nil {
			r.state = state.NewStore(r.stateLog(r.Config.StateTopic), time.Now)
		}
	}
}

// prepare makes sure of what the daemon's prepare does, and of what each sync of the replay needs.
func (r *Replay) prepare(ctx context.Context) error {
	err := r.Daemon.prepare(ctx)
	for _, l := range r.lanes {
		if err == nil {
			err = r.begin(ctx, l.sync)
		}
	}
	return err
}

// drainReplay is how long rows on their way may take once the replay was told to stop.
const drainReplay = 10 * time.Second

// sources are how the replay gets at the router's handlers.
type sources struct {
	mu     sync.Mutex
	offers map[string]router.Offer
	ready  chan struct{} // closed when every sync has its offer
	wanted int
}

func newSources(n int) *sources {
	return &sources{offers: map[string]router.Offer{}, ready: make(chan struct{}), wanted: n}
}

// of is a sync's source: it passes the sync's offer on, and stays until the router is told to end.
func (s *sources) of(name string) router.Source {
	return func(ctx context.Context, offer router.Offer) error {
		s.mu.Lock()
		s.offers[name] = offer
		if len(s.offers) == s.wanted {
			close(s.ready)
		}
		s.mu.Unlock()
		<-ctx.Done()
		return nil
	}
}

func (s *sources) offer(name string) router.Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offers[name]
}
