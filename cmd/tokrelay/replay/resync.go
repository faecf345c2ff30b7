package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// ResyncOptions say what a sync reads again.
type ResyncOptions struct {
	To        time.Time // rows written since; zero: everything there is
	Partition int32     // this one alone; negative: all
	Recreate  bool      // let a streamed audience be another one from now on
}

func (o ResyncOptions) full() bool { return o.To.IsZero() && o.Partition < 0 }

// ResyncPlan is what a resync would do.
type ResyncPlan struct {
	Group    string
	Parts    []ResyncPart
	Records  int64 // that are read again, or for the first time
	Older    int64 // of them: written longer ago than TikTok's dedupe reaches back
	Recreate bool  // a streamed audience may be another one from now on

	full    bool
	offsets admin.Offsets
}

// ResyncPart is one partition. Committed is negative where the group has no offset.
type ResyncPart struct {
	Topic              string
	Partition          int32
	Committed, To, End int64
}

// PlanResync looks where the sync's group is and where it would go.
func PlanResync(ctx context.Context, client *admin.Client, c *daemon.Config, s *daemon.Sync, o ResyncOptions, now time.Time) (*ResyncPlan, error) {
	if o.Recreate && (s.Kind() != daemon.KindSegment || !o.full()) {
		return nil, errors.New("--recreate is for a streamed audience that is read again as a whole: without --to-time and --partition")
	}
	topics, err := s.SourceTopics(ctx, client)
	if err != nil {
		return nil, err
	}
	p := &ResyncPlan{Group: c.GroupOf(s), full: o.full(), Recreate: o.Recreate, offsets: admin.Offsets{}}
	return p, p.lay(ctx, client, topics, o, now)
}

func (p *ResyncPlan) lay(ctx context.Context, client *admin.Client, topics []string, o ResyncOptions, now time.Time) error {
	committed, err := client.Committed(ctx, p.Group)
	ends, other := client.Ends(ctx, topics...)
	recent, third := client.At(ctx, now.Add(-DedupeWindow), topics...)
	targets, fourth := p.targets(ctx, client, topics, o)
	if err := errors.Join(err, other, third, fourth); err != nil {
		return err
	}
	for _, topic := range topics {
		for _, id := range slices.Sorted(maps.Keys(ends[topic])) {
			if o.Partition >= 0 && id != o.Partition {
				continue
			}
			part := ResyncPart{Topic: topic, Partition: id, Committed: -1, To: targets[topic][id], End: ends[topic][id]}
			if at, ok := committed.Get(topic, id); ok {
				part.Committed = at
			}
			p.add(part, recent[topic][id])
		}
	}
	if len(p.Parts) == 0 {
		return fmt.Errorf("there is no partition %d in %v", o.Partition, topics)
	}
	return nil
}

func (p *ResyncPlan) targets(ctx context.Context, client *admin.Client, topics []string, o ResyncOptions) (admin.Offsets, error) {
	if o.To.IsZero() {
		return client.Starts(ctx, topics...)
	}
	return client.At(ctx, o.To, topics...)
}

func (p *ResyncPlan) add(part ResyncPart, recent int64) {
	p.Parts = append(p.Parts, part)
	p.offsets.Set(part.Topic, part.Partition, part.To)
	p.Records += max(0, part.End-part.To)
	p.Older += max(0, min(recent, part.End)-part.To)
}

// IsFull reports whether all there is is read again.
func (p *ResyncPlan) IsFull() bool { return p.full }

// Resync moves the sync's group. A full resync of an audience also expires all that is remembered of its members, so that
// each of them is sent again, by the mode that is configured now: row by row, or in one upload.
func (p *ResyncPlan) Resync(ctx context.Context, c *daemon.Config, s *daemon.Sync, o daemon.Options) error {
	w, err := daemon.Wire(c, o)
	if err != nil {
		return err
	}
	defer w.Close()
	if mode := modeOf(s); p.full && mode != "" {
		if err := p.forgetMembers(ctx, w, s); err != nil {
			return err
		}
	}
	return w.Admin.SetOffsets(ctx, p.Group, p.offsets)
}

// modeOf is how the sync fills its audience, "" where it has none.
func modeOf(s *daemon.Sync) string {
	switch s.Kind() {
	case daemon.KindSegment:
		return audience.Owned
	case daemon.KindFile:
		return audience.File
	}
	return ""
}

func (p *ResyncPlan) forgetMembers(ctx context.Context, w *daemon.Wiring, s *daemon.Sync) error {
	if err := w.EnsureState(ctx); err != nil {
		return err
	}
	mode := modeOf(s)
	if mode == audience.Owned {
		if err := p.noteEnds(ctx, w, s); err != nil {
			return err
		}
	}
	if err := audience.Resync(ctx, w.State, s.Name, mode, p.Recreate); err != nil || mode == audience.Owned {
		return err
	}
	again := audiencefile.Request{At: time.Now(), Why: "resync", Rebuild: true}
	_, connection := w.Config.ConnectionOf(s)
	return audiencefile.Ask(ctx, w.State, connection.AdvertiserID, s.AudienceFile.Audience, again)
}

// noteEnds has it remembered where the source ends, before the members that it does not tell of any more can be known to be gone.
func (p *ResyncPlan) noteEnds(ctx context.Context, w *daemon.Wiring, s *daemon.Sync) error {
	all, err := w.Admin.All(ctx, slices.Collect(maps.Keys(p.offsets))...)
	if err != nil {
		return err
	}
	return w.NoteEnds(ctx, s, all)
}
