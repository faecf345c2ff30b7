package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// inDoubt reports whether an answer gives nothing although the partition's turn had come. An empty answer says something
// only of the request's first partition, which gets a batch however full the answer is; all others may just have found
// no room. An answer held back by a quota says nothing at all.
func inDoubt(p *kmsg.FetchResponseTopicPartition, first, throttled bool) bool {
	if p.ErrorCode != 0 {
		return p.ErrorCode == kerr.OffsetOutOfRange.Code
	}
	return first && !throttled && len(p.RecordBatches) == 0
}

// examine finds out why Kafka gives nothing at a position that is before the partition's recorded end. Silence alone is
// never taken for an end: the answer itself must have been able to reach the end, and where the partition begins and ends
// is asked of its leader.
func (rd *reader) examine(ctx context.Context, s *span, p *kmsg.FetchResponseTopicPartition) error {
	b, err := rd.admin.extent(ctx, s)
	if err != nil {
		s.leaderless = true // asked again, as long as ctx allows
		return ctx.Err()
	}
	switch {
	case b.start > s.at:
		rd.skipTo(s, b.start)
	case b.end < s.end:
		return fmt.Errorf("read %s: the partition ends at offset %d, before %d, where it ended when its end was looked up: "+
			"Kafka lost records, or the topic was deleted and created again: begin again", s, b.end, s.end)
	case p.ErrorCode == 0 && b.local > s.at:
		// Still in remote storage: a broker that has not got it in time, or may not yet, answers without records.
	case p.ErrorCode == 0 && rd.readable(p) >= s.end:
		s.at = s.end // compaction took the rest
	default:
		s.leaderless = true // a broker that was the leader once
		if s.puzzled.IsZero() {
			s.puzzled = time.Now()
		}
		if time.Since(s.puzzled) > cmp.Or(rd.patience, mostPuzzled) {
			return fmt.Errorf("read %s: no broker gives the records from offset %d, though the partition begins at %d and ends at %d: "+
				"look at the brokers' logs", s, s.at, b.start, b.end)
		}
	}
	return nil
}

// mostPuzzled is how long answers are waited out that contradict where the partition begins and ends: a leader has moved.
const mostPuzzled = 20 * time.Second

// readable is the end that a fetch could have read up to.
func (rd *reader) readable(p *kmsg.FetchResponseTopicPartition) int64 {
	if rd.admin.cfg.Isolation == kafka.ReadCommitted {
		return p.LastStableOffset
	}
	return p.HighWatermark
}

// extent is where a partition begins, where what brokers have on their own disks begins (the rest is in remote
// storage), and where it ends.
type extent struct{ start, local, end int64 }

func (a *Client) extent(ctx context.Context, s *span) (b extent, err error) {
	starts, err := a.Starts(ctx, s.topic)
	if err != nil {
		return b, err
	}
	ends, err := a.Ends(ctx, s.topic)
	if err != nil {
		return b, err
	}
	locals, err := list(ctx, []string{s.topic}, a.adm.ListLocalLogStartOffsets)
	if err != nil && !errors.Is(err, kerr.UnsupportedVersion) { // those have no remote storage
		return b, err
	}
	b.start, _ = starts.Get(s.topic, s.id)
	b.local, _ = locals.Get(s.topic, s.id)
	b.end, _ = ends.Get(s.topic, s.id)
	return b, nil
}
