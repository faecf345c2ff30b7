package daemon

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/stage"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/segment"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// stages own rows and digests of one audience here, for all syncs that fill it: what their rows assert becomes claims (rows), and
// claims become what TikTok is told (claims).
type stages struct {
	wiring  *Wiring
	prefix  string
	topics  owners.Topics
	rows    *owners.RowsOwner
	session *stage.Session
	claims  *owners.Claims
	water   *stage.Watermark
	metrics *owners.Metrics
	lacking []pipeline.Letter // of the transaction under way, with their syncs
	lackers []owners.Tag

	mu      sync.Mutex
	streams map[owners.Tag]*Stream
	trouble map[string]*pipeline.Trouble // by source, as each sync's status has it
}

const (
	stageRows   = "rows"
	stageClaims = "claims"

	// backlog is how many digests may wait for a call before no more are read.
	backlog = 100_000
	// spareTells is how many more Tells may be under way than calls: one of which TikTok refuses all waits until another is accepted, which
	// shows that its digests are at fault.
	spareTells = 8
	// commitEvery is how often it is committed what was told.
	commitEvery = 250 * time.Millisecond
)

func newStages(s *Stream, prefix string, t owners.Topics) (*stages, error) {
	w, cfg := s.wiring, s.wiring.Config.Kafka // without metrics of clients, which come and go
	a := &stages{wiring: w, prefix: prefix, topics: t, streams: map[owners.Tag]*Stream{}, trouble: map[string]*pipeline.Trouble{}}
	reg := metrics.OfAudience(w.Metrics, cmp.Or(s.target.ID(), s.Sync.Name))
	a.metrics = owners.NewMetrics(reg)
	stageMetrics := stage.NewMetrics(reg)
	group := func(name, topic string) stage.Group {
		return stage.Group{Name: "audience-" + name, Group: prefix + "." + name, Topics: []string{topic}, Drain: w.Config.Shutdown.Drain.Std(),
			Stage: name, Metrics: stageMetrics, Trouble: func(err error) { a.report("audience "+name, err) }, Log: w.Log}
	}
	a.rows = owners.NewRowsOwner(t, a.lacks)
	a.session = stage.NewSession(cfg, stage.SessionOptions{Group: group(stageRows, t.Rows), From: t.Members, Purge: true,
		Restore: func(partition int32) stage.Restoration {
			r := a.rows.Restore(partition)
			return stage.Restoration{Take: func(rec *pipeline.Record) error { return r.Restore(rec.Key, rec.Value) }, Own: func(int64) { a.rows.Own(r) }}
		},
		Handle: a.handle, Ended: a.rows.Ended, Dropped: a.rows.Dropped})
	var err error
	a.water, err = stage.NewWatermark(cfg, stage.WatermarkOptions{Group: group(stageClaims, t.Claims),
		Restore: func(partition int32, committed int64) stage.Restoration {
			r := a.claims.Restore(partition, committed)
			return stage.Restoration{Take: r.Take, Own: func(end int64) { a.claims.Own(r, end); a.share() }}
		},
		Take:    func(records []pipeline.Record) error { return a.claims.Take(records) },
		Wait:    func(ctx context.Context) error { return a.claims.Wait(ctx) },
		Revoked: func(ctx context.Context, ids []int32) { a.claims.Revoked(ctx, ids); a.share() },
		Lost:    func(ids []int32) { a.claims.Lost(ids); a.share() },
		Refused: func(err error) { a.report("audience claims written", err) }})
	if err != nil {
		return nil, err
	}
	_, connection := w.Config.ConnectionOf(s.Sync)
	batch := s.Sync.AudienceSegment.Batch
	a.claims = owners.NewClaims(owners.ClaimsOptions{Topics: t, Tell: a.tell, Commit: a.water.Commit, Write: a.water.Write, Held: a.isHeld,
		Most: batch.MaxUsers, AtOnce: connection.CallsInFlight + spareTells, Linger: batch.Linger.Std(), Backlog: backlog, Every: commitEvery,
		Session: w.Config.Kafka.SessionTimeout.Std(), Longest: connection.Timeout.Std()})
	return a, nil
}

// run runs the stages until ctx ends; then calls under way end, and the partitions go.
func (a *stages) run(ctx context.Context) {
	var work sync.WaitGroup
	told := make(chan struct{})
	work.Go(func() { a.session.Run(ctx) })
	work.Go(func() { defer close(told); a.claims.Run(ctx) })
	work.Go(func() { a.look(ctx) })
	work.Go(func() {
		a.water.Run(ctx)
		<-told // its last words are to be written
		a.water.Close()
	})
	work.Wait()
}

// add has the stages work for one more sync.
func (a *stages) add(s *Stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams[owners.TagOf(s.Sync.Name)] = s
	for source, trouble := range a.trouble {
		a.wiring.Status.Set(s.Sync.Name, source, trouble)
	}
}

// of is the sync whose rows have the tag; another of the audience's where the configuration has it no more.
func (a *stages) of(tag owners.Tag) *Stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.streams[tag]; s != nil {
		return s
	}
	return slices.MinFunc(slices.Collect(maps.Values(a.streams)), func(x, y *Stream) int { return cmp.Compare(x.Sync.Name, y.Sync.Name) })
}

func (a *stages) all() []*Stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.streams))
}

// report has every sync of the audience say what a stage is in trouble with; nil ends it.
func (a *stages) report(source string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.trouble, source)
		for _, s := range a.streams {
			a.wiring.Status.Clear(s.Sync.Name, source)
		}
		return
	}
	_, large := errors.AsType[*kafka.TooLarge](err)
	trouble := &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: source + ": " + err.Error(), Stop: large}
	if _, later := errors.AsType[*owners.LaterForm](err); later {
		trouble.Kind, trouble.Stop = pipeline.TroubleState, true
	}
	a.trouble[source] = trouble
	for _, s := range a.streams {
		a.wiring.Status.Set(s.Sync.Name, source, trouble)
	}
}

// tell has the sync's teller tell TikTok: all sayings of one Tell are of one sync.
func (a *stages) tell(ctx context.Context, list []owners.Saying) {
	a.of(list[0].Sync).teller.Tell(ctx, list)
}

// isHeld reports whether TikTok is not to be told what a sync's rows say: it is paused, or stopped because too many were rejected.
func (a *stages) isHeld(tag owners.Tag) bool { return a.of(tag).Queue.IsStopped() }

// handle handles what rows assert. A row that its owner rejects has its dead letter before the transaction ends.
func (a *stages) handle(ctx context.Context, b *stage.Batch) error {
	a.lacking, a.lackers = a.lacking[:0], a.lackers[:0]
	if err := a.rows.Handle(b.Records, b.Write); err != nil {
		return err
	}
	for i := range a.lacking {
		if err := a.of(a.lackers[i]).letters.Rows(ctx, a.lacking[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (a *stages) lacks(of *owners.Assertion) {
	a.lacking, a.lackers = append(a.lacking, segment.Lacking(of)), append(a.lackers, of.Sync)
}

// share tells how many partitions of all digests are this instance's: so large is its part of the limits.
func (a *stages) share() {
	n := len(a.claims.Owned())
	for _, s := range a.all() {
		a.wiring.shares.assigned(s.Sync.Name, n)
	}
}

// audiences are the stages of the audiences that this process streams to, each begun by the first sync that knows its audience.
type audiences struct {
	begun chan *stages // to run

	mu  sync.Mutex
	all map[string]*stages // by prefix
}

func newAudiences() *audiences {
	return &audiences{begun: make(chan *stages), all: map[string]*stages{}}
}

// join has the stages of a sync's audience work for it.
func (a *audiences) join(ctx context.Context, s *Stream, prefix string, t owners.Topics) (*stages, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.all[prefix]
	if of != nil {
		of.add(s)
		return of, nil
	}
	of, err := newStages(s, prefix, t)
	if err != nil {
		return nil, err
	}
	of.add(s)
	select {
	case a.begun <- of:
		a.all[prefix] = of
		return of, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run runs stages as they are begun, until ctx ends.
func (a *audiences) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		select {
		case of := <-a.begun:
			work.Go(func() { of.run(ctx) })
		case <-ctx.Done():
			return
		}
	}
}
