package segment

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Lacking is the dead letter of a row that its owner rejects: it holds changed columns alone, and makes a member of whom nothing is
// remembered.
func Lacking(a *owners.Assertion) pipeline.Letter {
	s := &a.Source
	return pipeline.Letter{Rejection: unavailable(section),
		Record: &pipeline.Record{Topic: string(s.Topic), Partition: s.Partition, Offset: s.Offset, Timestamp: time.UnixMilli(s.Time), Bare: true}}
}
