//go:build synctests

package laws

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// told holds the outcomes against the rows' fates: each row that is committed has one, and the last one says what became of it. Rows
// of a topic that was made again have the places of others.
func (w *world) told() {
	w.Helper()
	if w.watch.made > 0 {
		return
	}
	last := w.outcomes()
	for at, f := range w.watch.fates {
		o := last[at]
		switch {
		case f.maybe:
		case f.outcome == pipeline.Skipped && f.key == "": // the end of a transaction, or of one that was aborted: nobody reads it
			if o != nil {
				w.Errorf("%+v: an outcome of what is not a row", at)
			}
		case o == nil:
			w.Errorf("%+v: no outcome of a row that is to be %v", at, f.outcome)
		case f.outcome == pipeline.Delivered && (o.End != outcomes.Delivered || string(o.EventID) != f.id),
			f.outcome == pipeline.DeadLettered && !o.End.IsDead(), f.outcome == pipeline.Skipped && o.End != outcomes.Skipped:
			w.Errorf("%+v: the last outcome of a row that is to be %v is %v, event %q", at, f.outcome, o.End, o.EventID)
		}
	}
}

// outcomes are the last ones of each place.
func (w *world) outcomes() map[place]*outcomes.Outcome {
	w.Helper()
	const topic = "tokrelay.outcomes"
	end := int64(0)
	for _, p := range w.broker.PartitionInfos(topic) {
		end += p.HighWatermark
	}
	reader, err := virtual.NewClient(&w.net, w.broker, kgo.ConsumeTopics(topic))
	if err != nil {
		w.Fatal(err)
	}
	defer reader.Close()
	last := map[place]*outcomes.Outcome{}
	for read := int64(0); read < end; {
		fetches := reader.PollFetches(w.Context())
		if err := fetches.Err(); err != nil {
			w.Fatal(err)
		}
		for _, r := range fetches.Records() {
			read++
			o := &outcomes.Outcome{}
			if err := o.Decode(r.Value); err != nil {
				w.Fatal(err)
			}
			at := place{partition: o.Partition, offset: o.Offset}
			if before := last[at]; before == nil || o.Settled >= before.Settled {
				last[at] = o
			}
		}
	}
	return last
}
