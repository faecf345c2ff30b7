package audiencefile

import (
	"context"

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

// sameTopic reports whether both are of one topic, and not of two of the same name.
func (s Span) sameTopic(other Span) bool { return s.TopicID != "" && s.TopicID == other.TopicID }

func size(spans []Span) (records int64) {
	for _, s := range spans {
		records += max(0, s.To-s.From)
	}
	return records
}
