package daemon

import (
	"context"
	"maps"
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
	ends, err := w.Admin.Ends(ctx, topics...)
	if err != nil {
		return false
	}
	committed, err := w.Admin.Committed(ctx, group)
	if err != nil {
		return false
	}
	for topic, partitions := range ends {
		for id, end := range partitions {
			if at, ok := committed.Get(topic, id); end > 0 && (!ok || at < end) {
				return false
			}
		}
	}
	return true
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
	ends, err := a.wiring.Admin.Ends(ctx, of.topic)
	if err != nil {
		return nil, err
	}
	committed, err := a.wiring.Admin.Committed(ctx, of.group)
	if err != nil {
		return nil, err
	}
	now := map[int32]stageLag{}
	for _, id := range owned {
		at, _ := committed.Get(of.topic, id)
		waits := max(ends[of.topic][id]-at, 0)
		now[id] = a.lag(ctx, of.topic, id, at, waits, before)
		age := time.Duration(0)
		if since := now[id].since; !since.IsZero() {
			age = max(time.Since(since), 0)
		}
		for _, s := range a.all() {
			s.consumed.Behind(of.topic, id, waits, age)
		}
	}
	return now, nil
}

// lag finds out since when the first record waits; the record is looked at once.
func (a *stages) lag(ctx context.Context, topic string, id int32, at, waits int64, before map[int32]stageLag) stageLag {
	l := stageLag{committed: at}
	if was, ok := before[id]; ok && was.committed == at && !was.since.IsZero() {
		l.since = was.since
	}
	if waits == 0 {
		l.since = time.Time{}
	} else if l.since.IsZero() {
		if batch, err := a.wiring.Admin.BatchAt(ctx, topic, id, at); err == nil && batch != nil && len(batch.Records) > 0 {
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
		all, err := w.Admin.All(ctx, of.topic)
		if err != nil {
			return err
		}
		committed, err := w.Admin.Committed(ctx, of.group)
		if err != nil {
			return err
		}
		recent, err := w.Admin.At(ctx, time.Now().Add(-late), of.topic)
		if err != nil {
			return err
		}
		g.addStage(of.topic, all, committed, recent)
	}
	return nil
}

func (g *GroupState) addStage(topic string, all admin.Range, committed, recent admin.Offsets) {
	for _, id := range slices.Sorted(maps.Keys(all.To[topic])) {
		p := PartitionLag{Topic: topic, Partition: id, Committed: -1, End: all.To[topic][id]}
		if at, ok := committed.Get(topic, id); ok {
			p.Committed = at
		}
		start, _ := all.From.Get(topic, id)
		new, _ := recent.Get(topic, id)
		g.behind(p, start, new)
	}
}
