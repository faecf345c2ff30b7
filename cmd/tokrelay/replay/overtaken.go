package replay

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// findOvertaken finds the letters of audiences that a newer change of the same member has overtaken: replaying an old
// add behind a newer delete would bring back a member who has left. It reads the source topics from the first letter on.
func (r *Replay) findOvertaken(ctx context.Context) error {
	for name, of := range r.syncs {
		if of.sync.Kind() != daemon.KindSegment {
			continue
		}
		f, err := r.wiring.Flow(of.sync, nil)
		if err != nil {
			return err
		}
		identity := of.sync.Framing.Identity
		rows, err := r.memberRows(ctx, name, identity)
		if err != nil {
			return err
		}
		late, err := overtaken(ctx, r.wiring.Admin, rows, reading{identity, f.Steps().Decode})
		if err != nil {
			return fmt.Errorf("sync %s: look for newer changes of members: %w", name, err)
		}
		maps.Copy(r.late, late)
	}
	return nil
}

// reading is how a sync's records are read. decode separates changes from the empty records that follow a delete.
type reading struct {
	identity func(*pipeline.Record) []byte
	decode   func(context.Context, *pipeline.Record, *pipeline.Change) error
}

// memberRow is a letter's row: its position, and the identity of its member.
type memberRow struct {
	at  pipeline.Position
	key []byte
}

// memberRows are the rows to be replayed of an audience. Letters without payload have their keys read from the source.
func (r *Replay) memberRows(ctx context.Context, sync string, identity func(*pipeline.Record) []byte) ([]memberRow, error) {
	filter := r.options.Filter
	filter.Syncs = []string{sync}
	var list []*deadletter.Dead
	err := r.each(ctx, &filter, 0, func(d *deadletter.Dead) error {
		list = append(list, d)
		return nil
	})
	if err == nil {
		err = r.complete(ctx, list)
	}
	rows := make([]memberRow, 0, len(list))
	for _, d := range list {
		if d.Omitted == "" {
			at := d.Record.At()
			rows = append(rows, memberRow{at, identity(&d.Record)})
		}
	}
	return rows, err
}

// member is a key of a partition, as a digest: a million keys in 16 bytes each.
type member struct {
	topic     string
	partition int32
	key       [2]uint64
}

// overtaken finds the rows whose member has a later change in its partition.
func overtaken(ctx context.Context, client *admin.Client, rows []memberRow, how reading) (map[string]bool, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	w := &watch{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, waiting: map[member][]memberRow{}, late: map[string]bool{}}
	what := admin.Range{From: admin.Offsets{}, To: admin.Offsets{}, IDs: map[string]string{}}
	for _, row := range rows {
		m := w.member(row.at.Topic, row.at.Partition, row.key)
		w.waiting[m] = append(w.waiting[m], row)
		if at, ok := what.From.Get(row.at.Topic, row.at.Partition); !ok || row.at.Offset < at {
			what.From.Set(row.at.Topic, row.at.Partition, row.at.Offset)
		}
	}
	for topic, partitions := range what.From {
		all, err := client.All(ctx, topic)
		if err != nil {
			return nil, err
		}
		what.IDs[topic] = all.IDs[topic]
		for id := range partitions {
			end, _ := all.To.Get(topic, id)
			what.To.Set(topic, id, end)
		}
	}
	err := client.Scan(ctx, what, func(r *pipeline.Record) error { return w.look(ctx, r, how) })
	return w.late, err
}

type watch struct {
	seeds   [2]maphash.Seed
	waiting map[member][]memberRow
	late    map[string]bool
	change  pipeline.Change
}

func (w *watch) member(topic string, partition int32, key []byte) member {
	return member{topic, partition, [2]uint64{maphash.Bytes(w.seeds[0], key), maphash.Bytes(w.seeds[1], key)}}
}

// look marks the rows that a record overtakes. A record that cannot be read counts as a change: to leave a row alone is
// the safer mistake.
func (w *watch) look(ctx context.Context, r *pipeline.Record, how reading) error {
	rows := w.waiting[w.member(r.Topic, r.Partition, how.identity(r))]
	if len(rows) == 0 {
		return nil
	}
	err := how.decode(ctx, r, &w.change)
	if _, skip := errors.AsType[pipeline.SkipReason](err); skip {
		return nil
	}
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return trouble
	}
	for _, row := range rows {
		if row.at.Offset < r.Offset {
			w.late[row.at.String()] = true
		}
	}
	return ctx.Err()
}
