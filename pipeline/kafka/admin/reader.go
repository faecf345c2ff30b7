package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Range is what Read reads: every partition of To, from From (its oldest record where From has none) up to, and
// without, To. Client.All gives the range of everything there is now.
type Range struct {
	From, To Offsets
	// IDs are the ids of the topics, by name, as they were when the offsets were looked up. Read refuses another topic of
	// the same name: the offsets mean nothing in it. A topic without an id, as from brokers before 2.8, is not checked.
	IDs map[string]string
	// Gone is told of records that Kafka removed before they were read; nil leaves it to the log.
	Gone func(Gap)
}

// Latest moves the range's beginning to the newest n offsets of every partition.
func (r *Range) Latest(n int64) {
	for topic, partitions := range r.To {
		for id, end := range partitions {
			from, _ := r.From.Get(topic, id)
			r.From.Set(topic, id, max(from, end-n))
		}
	}
}

// Gap is a part of a partition that retention, a purge or DeleteRecords took away: the offsets from From up to, and
// without, To.
type Gap struct {
	Topic     string
	Partition int32
	From, To  int64
}

// ErrStop ends Read from within its callback: Read then returns nil.
var ErrStop = errors.New("stop reading")

// Read calls each for every record of the range, a partition's records in their order, from one goroutine. It returns
// nil when the position of every partition has reached its end, and an error otherwise: also across transactions,
// compaction and records removed while it reads. It joins no group and commits nothing. Memory stays below a few fetches,
// whatever the range. Passing trouble with brokers is waited out for as long as ctx allows; each's error ends the
// reading. The record is each's to keep.
func (a *Client) Read(ctx context.Context, r Range, each func(*pipeline.Record) error) error {
	return (&reader{admin: a, each: each}).run(ctx, r)
}

// reader is one Read or Scan at work.
type reader struct {
	admin *Client
	each  func(*pipeline.Record) error
	lend  *loan // of Scan
	gone  func(Gap)
	spans []*span

	patience time.Duration // default mostPuzzled

	unpack kgo.Decompressor // one for all answers: each has decoders of its own, whose windows would pile up
}

// span is a partition to be read. Only records move its position, and examine.
type span struct {
	topic      string
	wantID     string // "" when it is not known
	topicID    [16]byte
	id         int32
	at, end    int64
	leader     int32
	leaderless bool      // the leader is not known: ask again
	served     int       // the round in which it last moved
	puzzled    time.Time // since when Kafka contradicts itself; zero when it does not
}

func (s *span) String() string { return fmt.Sprintf("%s/%d", s.topic, s.id) }

// run goes on until no partition has anything left: that every position has reached its end is the only way out
// without an error.
func (rd *reader) run(ctx context.Context, r Range) error {
	rd.unpack = kafka.Decompressor(rd.admin.client)
	if err := rd.open(ctx, r); err != nil {
		return err
	}
	tries := 0
	for round := 1; ; round++ {
		left := rd.left()
		if len(left) == 0 {
			return nil
		}
		moved, err := rd.round(ctx, left, round)
		switch {
		case errors.Is(err, ErrStop):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case moved:
			tries = 0
			continue
		}
		if err := pause(ctx, tries); err != nil {
			return err
		}
		tries++
	}
}

func (rd *reader) open(ctx context.Context, r Range) error {
	if rd.gone = r.Gone; rd.gone == nil {
		rd.gone = rd.admin.logGone
	}
	starts, err := rd.admin.Starts(ctx, slices.Collect(maps.Keys(r.To))...)
	if err != nil {
		return err
	}
	for topic, partitions := range r.To {
		for id, end := range partitions {
			start, _ := starts.Get(topic, id)
			at, given := r.From.Get(topic, id)
			if !given {
				at = start
			}
			s := &span{topic: topic, wantID: r.IDs[topic], id: id, at: at, end: end, leaderless: true}
			rd.skipTo(s, start)
			rd.spans = append(rd.spans, s)
		}
	}
	return nil
}

// skipTo moves a position to the partition's beginning, if it is before that.
func (rd *reader) skipTo(s *span, start int64) {
	if s.at < min(start, s.end) {
		rd.gone(Gap{Topic: s.topic, Partition: s.id, From: s.at, To: min(start, s.end)})
	}
	s.at = max(s.at, start)
}

func (a *Client) logGone(g Gap) {
	a.log.Warn("records were removed from Kafka before they were read; reading goes on behind them", slog.String("topic", g.Topic),
		slog.Int("partition", int(g.Partition)), slog.Int64("from", g.From), slog.Int64("to", g.To), slog.Int64("offsets", g.To-g.From))
}

// left are the partitions that have not been read to their ends. The one that has waited longest is first: a broker fills
// its answer in the order of the request, so that none has to wait for ever behind others.
func (rd *reader) left() []*span {
	var left []*span
	for _, s := range rd.spans {
		if s.at < s.end {
			left = append(left, s)
		}
	}
	slices.SortStableFunc(left, func(x, y *span) int { return cmp.Compare(x.served, y.served) })
	return left
}

// round asks every leader once. It reports whether anything was read.
func (rd *reader) round(ctx context.Context, left []*span, round int) (moved bool, err error) {
	if err := rd.findLeaders(ctx, left); err != nil {
		return false, err
	}
	for leader, spans := range byLeader(left) {
		m, err := rd.fetch(ctx, leader, spans, round)
		if err != nil {
			return false, err
		}
		moved = moved || m
	}
	return moved, nil
}
