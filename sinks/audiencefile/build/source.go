package build

import (
	"context"
	"errors"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Span is a part of a partition: the records from From up to, and without, To.
type Span struct {
	Topic     string `json:"topic"`
	TopicID   string `json:"topic_id,omitempty"` // tells a topic from a later one of the same name; "" if not known
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// Source is the sync's topic, or topics. cmd makes it of pipeline/kafka.
type Source struct {
	// Spans are all there is now: of every partition the oldest offset and the one behind the last record.
	Spans func(ctx context.Context) ([]Span, error)
	// Read calls each for every record of the spans, a partition's in their order, from one goroutine. The record is
	// each's to keep. It ends with each's error, or when everything has been read.
	Read func(ctx context.Context, spans []Span, each func(*pipeline.Record) error) error
}

func size(spans []Span) (offsets int64) {
	for _, s := range spans {
		offsets += max(0, s.To-s.From)
	}
	return offsets
}

// sameTopic reports whether both are of one topic, and not of two of the same name.
func (s Span) sameTopic(other Span) bool { return s.TopicID != "" && s.TopicID == other.TopicID }

func find(spans []Span, like Span) *Span {
	i := slices.IndexFunc(spans, func(s Span) bool { return s.Topic == like.Topic && s.Partition == like.Partition })
	if i < 0 {
		return nil
	}
	return &spans[i]
}

// number puts the partitions in the order in which the base numbers them, new ones behind.
func number(spans, known []Span) []Span {
	numbered := slices.Clone(known)
	for i, k := range known {
		numbered[i] = *find(spans, k)
	}
	for _, s := range spans {
		if find(known, s) == nil {
			numbered = append(numbered, s)
		}
	}
	return numbered
}

// toRead leaves out what the base knows.
func toRead(spans, known []Span) []Span {
	list := slices.Clone(spans)
	for i := range list {
		if old := find(known, list[i]); old != nil {
			list[i].From = max(list[i].From, old.To)
		}
	}
	return list
}

// partitionIndex numbers the partitions of a run.
type partitionIndex struct {
	numbers map[partitionID]int
	last    partitionID
	number  int
}

type partitionID struct {
	topic string
	id    int32
}

func newPartitionIndex(spans []Span) partitionIndex {
	x := partitionIndex{numbers: map[partitionID]int{}}
	for i, s := range spans {
		x.numbers[partitionID{s.Topic, s.Partition}] = i
	}
	return x
}

func (x *partitionIndex) of(r *pipeline.Record) (number int, ok bool) {
	if id := (partitionID{r.Topic, r.Partition}); id != x.last {
		if x.number, ok = x.numbers[id]; !ok {
			return 0, false
		}
		x.last = id
	}
	return x.number, true
}

// kafkaTrouble makes a trouble of what the source says, unless it is one.
func kafkaTrouble(doing string, err error) error {
	if _, ok := errors.AsType[*pipeline.Trouble](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: doing + ": " + err.Error()}
}
