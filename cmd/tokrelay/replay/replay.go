// Package replay changes what becomes of rows that a sync has read, or cannot read: Replay sends dead letters again, a
// resync moves a sync's consumer group back, a skip moves it past what cannot be read.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const (
	// DedupeWindow is how long TikTok drops events it has seen before (P5).
	DedupeWindow = 48 * time.Hour
	// MostReplays is how often a row is replayed before it has to be forced.
	MostReplays = 3

	chunkRows   = 200
	chunkWindow = 8 // chunks under way at once
)

// Options say which dead letters are sent again, and how.
type Options struct {
	Filter      deadletter.Filter // its Syncs: none means all that can be replayed
	Limit       int64             // most rows; 0: all
	Rate        float64           // rows a second; 0: as fast as the connection's limits allow
	Force       bool              // rows replayed MostReplays times too
	All         bool              // letters that are not open, or of which that is not known, too
	By          string            // who asks for it, as outcomes say
	MaxFailures settings.Percent  // stop when more of the last rows fail again; default 50 %
	Notice      func(string)      // gets what holds the replay up, once per change; may be nil
	Progress    func(done int64)  // gets the rows done since, now and then; may be nil
}

// Replay sends dead letters again: through the current configuration, inside this process, straight to TikTok (never
// back into the source topic). A row that fails again becomes a dead letter again, with its replays counted. What became of each row
// is in the outcomes: an interrupted replay goes on where it was, and no replay sends again what another one has done, whatever
// the filters of both.
//
// Make one, ask Plan what it would do, then DryRun or Run it once, and Close it.
type Replay struct {
	wiring  *daemon.Wiring
	options Options
	syncs   map[string]*syncReplay
	span    deadletter.Span
	chunk   int
	pace    *rate.Limiter
	states  *daemon.LetterStates
	late    map[string]bool // positions of rows of audiences that a newer change has overtaken

	mu     sync.Mutex
	report Report
}

// Report is what became of the rows.
type Report struct {
	Rows      int64                         `json:"rows"` // that were to be replayed
	Delivered int64                         `json:"delivered"`
	Owned     int64                         `json:"to_owners"` // of Delivered: rows of streamed audiences, of which instances tell TikTok
	Rejected  map[pipeline.Reason]int64     `json:"rejected"`
	Skipped   map[pipeline.SkipReason]int64 `json:"skipped"`
	Gone      int64                         `json:"gone"` // neither the letter nor the source has the row
	Left      int64                         `json:"left"` // for the next time
}

// settled is how many rows are done with.
func (r *Report) settled() int64 {
	n := r.Delivered + r.Gone
	for _, m := range r.Rejected {
		n += m
	}
	for _, m := range r.Skipped {
		n += m
	}
	return n
}

// ErrTooManyFailures reports that a replay stopped because what made the rows fail has not been corrected.
var ErrTooManyFailures = errors.New("too many rows fail again")

// New puts a replay together. It opens no connection yet.
func New(c *daemon.Config, with daemon.Options, o Options) (*Replay, error) {
	with.Replay, with.By = true, o.By
	with.ReplayID = "r" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	w, err := daemon.Wire(c, with)
	if err != nil {
		return nil, err
	}
	r := &Replay{wiring: w, options: o, syncs: map[string]*syncReplay{}, late: map[string]bool{}, chunk: chunkRows,
		report: Report{Rejected: map[pipeline.Reason]int64{}, Skipped: map[pipeline.SkipReason]int64{}}}
	if o.Rate > 0 {
		r.chunk = max(1, min(chunkRows, int(o.Rate)))
		r.pace = rate.NewLimiter(rate.Limit(o.Rate), r.chunk)
	}
	if err := r.choose(); err != nil {
		w.Close()
		return nil, err
	}
	return r, nil
}

// choose finds the syncs that take part. One that was named and cannot be replayed is an error.
func (r *Replay) choose() error {
	named, config := r.options.Filter.Syncs, r.wiring.Config
	for _, name := range named {
		s, err := config.Sync(name)
		if err != nil {
			return err
		}
		if s.Kind() == daemon.KindFile {
			return fmt.Errorf("sync %s: its audience is replaced as a whole: the next upload repairs it, there is nothing to replay", name)
		}
		r.syncs[name] = &syncReplay{sync: s, ends: r.wiring.Outcomes(s)}
	}
	for i := range config.Syncs {
		if s := &config.Syncs[i]; len(named) == 0 && s.Kind() != daemon.KindFile {
			r.syncs[s.Name] = &syncReplay{sync: s, ends: r.wiring.Outcomes(s)}
		}
	}
	if len(r.syncs) == 0 {
		return errors.New("no sync of the configuration can be replayed: audiences of files are repaired by their next upload")
	}
	return nil
}

// syncReplay is the replay of one sync's letters.
type syncReplay struct {
	sync  *daemon.Sync
	ends  *outcomes.Writer // of rows that are not sent; nil: outcomes are not kept
	order sync.Mutex       // held by the one chunk of an audience that is under way
}

// ID is the id of the replay, as outcomes have it.
func (r *Replay) ID() string { return r.wiring.ReplayID() }

// Close ends the connections.
func (r *Replay) Close() { r.wiring.Close() }

// choice is what becomes of a letter that the filter chooses.
type choice uint8

const (
	toSend    choice = iota
	elsewhere        // it is of a sync that does not take part
	done             // it is not open
	unknown          // it is not known whether it is open
	looped           // it was replayed too often
)

// choice decides about a letter.
func (r *Replay) choice(record *pipeline.Record, h *deadletter.Head) choice {
	if r.syncs[string(h.Sync)] == nil {
		return elsewhere
	}
	if !r.options.All {
		switch r.states.Of(record, h) {
		case outcomes.Unknown:
			return unknown
		case outcomes.Repaired, outcomes.Gone, outcomes.Again:
			return done
		}
	}
	if replays, _ := strconv.Atoi(string(h.Replays)); replays >= MostReplays && !r.options.Force {
		return looped
	}
	return toSend
}

// each parses the letters that the filter chooses and that are to be sent, up to the limit; 0: all.
func (r *Replay) each(ctx context.Context, filter *deadletter.Filter, limit int64, do func(*deadletter.Dead) error) error {
	var n int64
	return deadletter.Rows(ctx, daemon.LettersIn(r.wiring.Admin), r.span, filter, nil, func(record *pipeline.Record, h *deadletter.Head) error {
		if limit > 0 && n == limit || r.choice(record, h) != toSend {
			return nil
		}
		n++
		d, err := deadletter.Parse(deadletter.Keep(record))
		if err != nil {
			return nil // its headers were read before: it is a letter
		}
		return do(d)
	})
}

// streams joins the syncs of the replay; each one's source is the replay itself.
func (r *Replay) streams(sources *sources) ([]*daemon.Stream, error) {
	var list []*daemon.Stream
	for name, of := range r.syncs {
		s, err := r.wiring.Stream(of.sync)
		if err != nil {
			return nil, fmt.Errorf("sync %s: %w", name, err)
		}
		s.Route.Source = sources.of(name)
		s.Route.RejectedShare = router.RejectedShare{Share: cmp.Or(r.options.MaxFailures, 0.5), Rows: chunkRows}
		list = append(list, s)
	}
	return list, nil
}

// await waits for the topics of dead letters, and for what is remembered of the audiences that take part.
func (r *Replay) await(ctx context.Context, streams []*daemon.Stream) error {
	err := r.wiring.AwaitTopics(ctx)
	for _, s := range streams {
		if err == nil {
			err = s.AwaitMemory(ctx)
		}
	}
	return err
}

// drainReplay is how long rows under way may take once the replay was told to stop.
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
