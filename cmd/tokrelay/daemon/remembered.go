package daemon

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Remembered is what is remembered of a streamed audience's rows, as the topics of its owners tell, for commands that own nothing.
type Remembered struct {
	Book   *owners.Book
	Topics owners.Topics
	Open   int64 // records of digests about which TikTok is still to be told, at most

	generation uint64
	behind     map[int32]bool // rows partitions whose owner has not handled all that was asserted
}

// Remembered reads it; nil where no instance has run yet. The state topic was read before. What was asserted when it was called is in the
// Book, but for rows that IsBehind names.
func (w *Wiring) Remembered(ctx context.Context, s *Sync) (*Remembered, error) {
	prefix, ok := w.Config.audienceOf(w.State, s)
	if !ok {
		return nil, nil
	}
	r := &Remembered{Book: owners.NewBook(func(*owners.Assertion) {}), Topics: owners.NewTopics(prefix, 0), behind: map[int32]bool{}}
	there, err := w.Admin.Topics(ctx, r.Topics.Rows, r.Topics.Members, r.Topics.Claims)
	if err != nil || len(there) < 3 {
		return nil, err
	}
	r.Topics.Parts = int32(there[r.Topics.Rows].Partitions)
	document, _ := w.State.Get(audience.Key(s.Name, ""))
	b, err := audience.ParseBinding(document)
	r.generation = b.Generation
	if err == nil {
		err = r.readStages(ctx, w, prefix)
	}
	if err == nil {
		err = r.readMembers(ctx, w)
	}
	return r, err
}

// readStages finds out what is still on its way to the members topic, and from there to TikTok.
func (r *Remembered) readStages(ctx context.Context, w *Wiring, prefix string) error {
	for _, of := range stagesOf(prefix) {
		all, err := w.Admin.All(ctx, of.topic)
		if err != nil {
			return err
		}
		committed, err := w.Admin.Committed(ctx, of.group)
		if err != nil {
			return err
		}
		for id, end := range all.To[of.topic] {
			at, _ := committed.Get(of.topic, id)
			waits := end - max(at, all.From[of.topic][id])
			switch {
			case waits <= 0:
			case of.topic == r.Topics.Rows:
				r.behind[id] = true
			default:
				r.Open += waits
			}
		}
	}
	return nil
}

func (r *Remembered) readMembers(ctx context.Context, w *Wiring) error {
	all, err := w.Admin.All(ctx, r.Topics.Members)
	if err != nil {
		return err
	}
	err = w.Admin.Read(ctx, all, func(rec *pipeline.Record) error { return r.Book.Restore(rec.Key, rec.Value) })
	if err != nil {
		return fmt.Errorf("read what is remembered: %w", err)
	}
	return nil
}

// IsBehind reports whether the owner of a row has not handled all that was asserted.
func (r *Remembered) IsBehind(id owners.Identity) bool { return r.behind[id.Partition(r.Topics.Parts)] }

// Assert has the owners of rows told what say says.
func (r *Remembered) Assert(ctx context.Context, w *Wiring, s *Sync, say func(a *owners.Assert, write owners.Write)) error {
	return w.TellOwners(ctx, func(write owners.Write) { say(owners.NewAssert(r.Topics, s.Name, int64(r.generation)), write) })
}

// Count counts the sync's rows that are remembered: members with digests, their digests, and others.
func (r *Remembered) Count(sync string) (members, digests, others int) {
	r.Book.Each(owners.TagOf(sync), func(_ owners.Identity, k owners.Known) {
		n := 0
		for d, rest := owners.Next(k.Digests); d != nil; d, rest = owners.Next(rest) {
			n++
		}
		if digests += n; n > 0 {
			members++
		} else {
			others++
		}
	})
	return members, digests, others
}

// Wanted is what the owners of digests know of some, and what is still on its way to them.
type Wanted struct {
	Wishes  []*owners.Wish
	Waiting int64 // rows and records of the sync that have not settled: they may change it
}

// Wanted reads what the owners of a streamed audience know of hashes; nil where no instance has run yet. The state topic was read before.
func (w *Wiring) Wanted(ctx context.Context, s *Sync, hashes [][]byte) (*Wanted, error) {
	prefix, ok := w.Config.audienceOf(w.State, s)
	if !ok {
		return nil, nil
	}
	claims := stagesOf(prefix)[1]
	there, err := w.Admin.Topics(ctx, claims.topic)
	if err != nil || len(there) == 0 {
		return nil, err
	}
	lag := GroupState{}
	if err := lag.readOffsets(ctx, w, w.State, s); err != nil {
		return nil, err
	}
	committed, err := w.Admin.Committed(ctx, claims.group)
	if err != nil {
		return nil, err
	}
	all, err := w.Admin.All(ctx, claims.topic)
	if err != nil {
		return nil, err
	}
	known := owners.NewWanted(hashes)
	mine := admin.Range{From: all.From, To: admin.Offsets{}, IDs: all.IDs}
	for _, id := range known.Partitions(int32(there[claims.topic].Partitions)) {
		mine.To.Set(claims.topic, id, all.To[claims.topic][id])
	}
	err = w.Admin.Scan(ctx, mine, func(r *pipeline.Record) error {
		at, _ := committed.Get(claims.topic, r.Partition)
		return known.Take(r, at)
	})
	if err != nil {
		return nil, fmt.Errorf("read who wants them: %w", err)
	}
	return &Wanted{known.Wishes(), lag.LagRows}, nil
}
