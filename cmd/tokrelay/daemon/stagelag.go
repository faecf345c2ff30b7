package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// A sync's lag is what waits in its source, and, where it streams to an audience, what waits in the two stages behind that: these
// are the same for all syncs of the audience.

// groupTopic is a topic that a group reads.
type groupTopic struct{ group, topic string }

// stagesOf are the stages of an audience, in the order in which rows go through them.
func stagesOf(prefix string) []groupTopic {
	t := owners.NewTopics(prefix, 0)
	return []groupTopic{{prefix + "." + stageRows, t.Rows}, {prefix + "." + stageClaims, t.Claims}}
}

// isRead reports whether a group has committed all that its topics hold now.
func (w *Wiring) isRead(ctx context.Context, group string, topics ...string) bool {
	places, err := w.Admin.Places(ctx, group, topics...)
	return err == nil && !slices.ContainsFunc(places, func(p admin.Place) bool { return p.Waits() > 0 })
}

// lookEvery is how often the stages' lag is asked for.
const lookEvery = 5 * time.Second

// stageLag is what was last shown of a partition.
type stageLag struct {
	committed int64
	since     time.Time // when the record there was written; zero: none waits
}

// look shows what is owned here, and how far behind it is, until ctx ends.
func (a *stages) look(ctx context.Context) {
	shown := map[groupTopic]map[int32]stageLag{}
	for pipeline.Wait(ctx, lookEvery) == nil {
		a.metrics.Show(a.rows, a.claims)
		for i, of := range stagesOf(a.prefix) {
			owned := [][]int32{a.rows.Owned(), a.claims.Owned()}[i]
			if now, err := a.lags(ctx, of, owned, shown[of]); err == nil { // else the stage says why
				a.forget(of, shown[of], now)
				shown[of] = now
			}
		}
	}
	for of, lags := range shown {
		a.forget(of, lags, nil)
	}
}

// lags shows how far behind the owned partitions of a stage are.
func (a *stages) lags(ctx context.Context, of groupTopic, owned []int32, before map[int32]stageLag) (map[int32]stageLag, error) {
	places, err := a.wiring.Admin.Places(ctx, of.group, of.topic)
	if err != nil {
		return nil, err
	}
	now := map[int32]stageLag{}
	for _, p := range places {
		if !slices.Contains(owned, p.Partition) {
			continue
		}
		l := a.lag(ctx, &p, before)
		now[p.Partition] = l
		age := time.Duration(0)
		if !l.since.IsZero() {
			age = max(time.Since(l.since), 0)
		}
		for _, s := range a.all() {
			s.consumed.Behind(p.Topic, p.Partition, p.Waits(), age)
		}
	}
	return now, nil
}

// lag finds out since when the first record waits; the record is looked at once.
func (a *stages) lag(ctx context.Context, p *admin.Place, before map[int32]stageLag) stageLag {
	l := stageLag{committed: p.Committed}
	was, ok := before[p.Partition]
	switch {
	case p.Waits() == 0:
	case ok && was.committed == p.Committed && !was.since.IsZero():
		l.since = was.since
	default:
		if batch, err := a.wiring.Admin.BatchAt(ctx, p.Topic, p.Partition, max(p.Committed, p.Start)); err == nil && batch != nil && len(batch.Records) > 0 {
			l.since = batch.Records[0].Timestamp
		}
	}
	return l
}

// forget takes back what was shown of partitions that are not owned any more.
func (a *stages) forget(of groupTopic, before, now map[int32]stageLag) {
	for id := range before {
		if _, still := now[id]; still {
			continue
		}
		for _, s := range a.all() {
			s.consumed.Forget(of.topic, id)
		}
	}
}

// readStages adds what waits in the stages of a sync's audience; of one that was not found yet, nothing does.
func (g *GroupState) readStages(ctx context.Context, w *Wiring, prefix string) error {
	for _, of := range stagesOf(prefix) {
		if there, err := w.Admin.Topics(ctx, of.topic); err != nil || len(there) == 0 {
			return err // no instance of this version has run
		}
		if _, err := g.read(ctx, w, of.group, of.topic); err != nil {
			return err
		}
	}
	return nil
}
