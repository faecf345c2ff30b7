package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// kept is what a partition keeps of a member.
type kept struct {
	letters int64
	alone   int64 // of them, with no letter of another member before
	others  int64 // letters of others before the member's last
	upTo    int64 // behind the last that has no letter of others before it
	last    int64 // behind the last
}

// member deletes what can be deleted of a member's letters, and says what remains.
func (p *purge) member(ctx context.Context) error {
	topic := p.desk.topics.RejectedTopic
	filter := deadletter.Filter{Syncs: p.flags.syncs}
	if err := p.desk.choose(&filter, p.flags.key); err != nil {
		return err
	}
	found, id, err := p.keptOf(ctx, topic, &filter)
	if err != nil {
		return err
	}
	if p.desk.topics.Payload == "none" {
		p.screen.note("dead_letter.payload is none: newer letters hold no key and no row, only where it is in its source\n")
	}
	if len(found) == 0 {
		p.screen.print("No letter in %s is of this member.\n", topic)
		return p.remains(ctx)
	}
	if err := p.delete(ctx, admin.Range{To: p.weigh(topic, found), IDs: map[string]string{topic: id}}); err != nil {
		return errors.Join(err, p.remains(ctx))
	}
	return p.remains(ctx)
}

// weigh prints what is kept of the member, and chooses the offsets up to which it can be deleted.
func (p *purge) weigh(topic string, found map[int32]*kept) admin.Offsets {
	to, rows := admin.Offsets{}, [][]string{}
	left, others := int64(0), int64(0)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		k := found[id]
		upTo := k.upTo
		if p.flags.others {
			upTo = k.last
		}
		if upTo > 0 {
			to.Set(topic, id, upTo)
		}
		left, others = left+k.letters-k.alone, others+k.others
		rows = append(rows, []string{topic, fmt.Sprint(id), thousands(k.letters), thousands(k.alone), thousands(k.others)})
	}
	p.screen.table([]string{"TOPIC", "PARTITION", "OF THE MEMBER", "COME FIRST", "OF OTHERS BEFORE THE REST"}, rows)
	p.screen.print("\n")
	switch {
	case left > 0 && p.flags.others:
		p.screen.note("with the member's letters go %s of others: tokrelay dlq replay sends those first\n\n", thousands(others))
	case left > 0:
		p.screen.note("Kafka deletes from the beginning of a partition alone: %s letter(s) of the member come after %s of others and remain.\n"+
			"To delete them too, with those of others: tokrelay dlq replay, then the same command with --with-others\n\n", thousands(left), thousands(others))
	}
	return to
}

// keptOf is what the topic keeps of the member, and the topic's id.
func (p *purge) keptOf(ctx context.Context, topic string, filter *deadletter.Filter) (map[int32]*kept, string, error) {
	span, err := deadletter.SpanOf(ctx, daemon.LettersIn(p.desk.admin), topic, time.Time{}, time.Time{})
	if err != nil {
		return nil, "", err
	}
	bar, read := p.screen.progress("searching "+topic), int64(0)
	defer bar.end()
	found, others := map[int32]*kept{}, map[int32]int64{}
	err = deadletter.Scan(ctx, daemon.LettersIn(p.desk.admin), span, filter, func(r *pipeline.Record, _ *deadletter.Head, chosen bool) error {
		if read++; read%1024 == 0 {
			bar.show(read, span.Records)
		}
		if !chosen {
			others[r.Partition]++
			return nil
		}
		if found[r.Partition] == nil {
			found[r.Partition] = &kept{}
		}
		found[r.Partition].add(r.Offset, others[r.Partition])
		return nil
	})
	return found, span.ID, err
}

// add counts a letter of the member that n letters of others come before.
func (k *kept) add(offset, others int64) {
	k.letters++
	k.others, k.last = others, offset+1
	if others == 0 {
		k.alone++
		k.upTo = offset + 1
	}
}

// remains says where else the member's data may be.
func (p *purge) remains(ctx context.Context) error {
	there, err := p.desk.admin.Topics(ctx, p.desk.topics.RejectedTopic)
	if err != nil {
		return err
	}
	p.screen.print("\nWhat remains, and where to look:\n")
	if t, ok := there[p.desk.topics.RejectedTopic]; ok && t.Retention > 0 {
		p.screen.print("  %s forgets every letter after %s by itself; brokers delete whole segments, so up to a segment later\n", t.Name, days(t.Retention))
	}
	p.screen.print("  %s holds places and event ids (hashes), no rows\n", p.desk.topics.FailedTopic)
	for i := range p.desk.config.Syncs {
		s := &p.desk.config.Syncs[i]
		p.screen.print("  the source of %s: delete the row there, and its topic follows by retention or compaction\n", s.Name)
		if s.Kind() == daemon.KindSegment {
			p.screen.print("  the audience of %s: the deleted row takes the member out of it, and out of the members topic\n", s.Name)
		}
	}
	return nil
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}
