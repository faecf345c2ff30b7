package deadletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// DeadBatch is a failed batch read back, or one part of it where its list of rows needed several records.
type DeadBatch struct {
	pipeline.FailedBatch
	At                   pipeline.Position // of the record itself
	Sync, Sink, SinkKind string
	Part, Parts          int
	RowCount             int // of all parts
	Failed               time.Time
}

var errNotBatch = errors.New("the record is no failed batch of tokrelay")

// ParseBatch reads a record of the failed topic.
func ParseBatch(r *pipeline.Record) (*DeadBatch, error) {
	if !isLetter(r) {
		return nil, errNotBatch
	}
	var f failedBatch
	if err := json.Unmarshal(r.Value, &f); err != nil {
		return nil, fmt.Errorf("%w: its value is not the JSON it should be", errNotBatch)
	}
	failed, _ := time.Parse(time.RFC3339, f.FailedAt) // the zero time says that it is unknown
	return &DeadBatch{
		FailedBatch: pipeline.FailedBatch{
			ID: f.Batch, Endpoint: f.Endpoint, Reason: f.Reason, Attempts: f.Attempts, Rows: f.Rows,
			Answer: pipeline.Answer{HTTPStatus: f.Status, Code: f.Code, Message: f.Message, RequestID: f.RequestID, Item: -1},
		},
		At:   pipeline.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset},
		Sync: f.Sync, Sink: f.Sink, SinkKind: f.SinkKind, Part: f.Part, Parts: f.Parts, RowCount: f.RowCount, Failed: failed,
	}, nil
}
