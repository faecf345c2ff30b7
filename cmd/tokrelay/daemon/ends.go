package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// ends are where the source of a streamed audience ended when a full resync began: once all of it was read, rows that did not come
// again are gone.
type ends struct {
	Generation uint64       `json:"generation"`
	Ends       []owners.End `json:"ends"`
	Told       bool         `json:"told,omitempty"` // the owners of the audience's rows know that it was read
}

func endsKey(sync string) string { return "ends/" + sync }

// NoteEnds has it remembered where a sync's source ends: for the generation that its next full resync begins. No instance of the
// sync may be running. Partitions without a row are left out.
func (w *Wiring) NoteEnds(ctx context.Context, s *Sync, all admin.Range) error {
	if err := w.State.Refresh(ctx); err != nil {
		return fmt.Errorf("read the state topic: %w", err)
	}
	document, _ := w.State.Get(audience.Key(s.Name, ""))
	b, err := audience.ParseBinding(document)
	if err != nil {
		return err
	}
	e := ends{Generation: b.Generation + 1}
	for topic, partitions := range all.To {
		for id, end := range partitions {
			if start, _ := all.From.Get(topic, id); end > start {
				e.Ends = append(e.Ends, owners.End{Topic: topic, Partition: id, Offset: end})
			}
		}
	}
	slices.SortFunc(e.Ends, func(x, y owners.End) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
	return w.putEnds(ctx, s.Name, e)
}

func (w *Wiring) putEnds(ctx context.Context, sync string, e ends) error {
	document, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return w.State.Put(ctx, endsKey(sync), document)
}

// endsOf are the ends of a generation; none where the resync was made by an earlier version, or its ends were told.
func (w *Wiring) endsOf(sync string, generation uint64) (e ends) {
	document, _ := w.State.Get(endsKey(sync))
	if json.Unmarshal(document, &e) != nil || e.Generation != generation || e.Told {
		return ends{}
	}
	return e
}

// endsEvery is how often it is looked whether the source was read to its recorded ends.
const endsEvery = 5 * time.Second

// tellEnds tells the owners of the audience's rows which of the source's partitions were read to their recorded ends, each once by this
// instance, until all were or ctx ends: what the group has committed is asserted. That other instances tell it too does no harm.
func (s *Stream) tellEnds(ctx context.Context) error {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return nil
	}
	e := s.wiring.endsOf(s.Sync.Name, s.target.Generation())
	told := map[int]bool{}
	for len(told) < len(e.Ends) && pipeline.Wait(ctx, endsEvery) == nil {
		committed, err := s.wiring.Admin.Committed(ctx, s.wiring.Config.GroupOf(s.Sync))
		if err != nil {
			continue // the reading says it
		}
		for part, end := range e.Ends {
			at, ok := committed.Get(end.Topic, end.Partition)
			if ok && at >= end.Offset && !told[part] && s.tellEnd(ctx, e, part) == nil {
				told[part] = true
			}
		}
	}
	if e.Told = len(e.Ends) > 0 && len(told) == len(e.Ends); e.Told {
		return s.wiring.putEnds(ctx, s.Sync.Name, e) // else the next start tells it again
	}
	return nil
}

func (s *Stream) tellEnd(ctx context.Context, e ends, part int) error {
	return s.wiring.TellOwners(ctx, func(write owners.Write) {
		owners.NewAssert(s.topics, s.Sync.Name, int64(e.Generation)).Done(e.Ends, part, write)
	})
}
