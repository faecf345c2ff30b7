package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Dead is a dead letter read back.
type Dead struct {
	// Record is the row as a replay hands it to the pipeline: with its own position and time, and still with our headers,
	// by which the writer counts replays if it fails again.
	Record    pipeline.Record
	At        pipeline.Position // of the letter itself
	Rejection pipeline.Rejection

	Sync, Sink, SinkKind string
	SchemaID             string
	First, Failed        time.Time
	Replays              int
	Omitted              string // why the value is not there: OmittedTooLarge, OmittedByConfig, or ""
	AppVersion           string
}

var errNotLetter = errors.New("the record is not a dead letter of tokrelay")

// Parse reads a record of the rejected topic. It shares the record's memory.
func Parse(r *pipeline.Record) (*Dead, error) {
	if !isLetter(r) {
		return nil, errNotLetter
	}
	if err := knownForm(r); err != nil {
		return nil, err
	}
	d := &Dead{
		At:     r.At(),
		Record: *r, Rejection: rejectionIn(r),
		Sync: text(r, own+"sync"), Sink: text(r, own+"sink"), SinkKind: text(r, own+"sink_kind"),
		SchemaID: text(r, own+"schema_id"), First: moment(r, hFirstFailed), Failed: moment(r, hFailed),
		Replays: number(r, hReplays), Omitted: text(r, hOmitted), AppVersion: text(r, own+"app_version"),
	}
	d.Record.Topic, d.Record.Partition, d.Record.Offset = origin(r)
	d.Record.Timestamp = moment(r, hTimestamp)
	return d, nil
}

func rejectionIn(r *pipeline.Record) pipeline.Rejection {
	return pipeline.Rejection{
		Stage: pipeline.Stage(text(r, own+"stage")), Reason: pipeline.Reason(text(r, own+"reason")),
		Field: text(r, own+"field"), Rule: text(r, hRule), EventID: text(r, own+"event_id"),
		HTTPStatus: number(r, own+"http_status"), Code: number(r, own+"api_code"),
		APIMessage: text(r, hAPIMessage), RequestID: text(r, own+"api_request_id"),
		BatchID: text(r, own+"batch_id"), BatchSize: number(r, own+"batch_size"),
		Attempts: number(r, own+"attempts"), Replays: number(r, hReplays),
	}
}

// Message is the sentence the letter was written with.
func (d *Dead) Message() string { return text(&d.Record, hMessage) }

// Headers are the row's headers as they came from the source.
func (d *Dead) Headers() []pipeline.Header { return originals(&d.Record) }

// Source reads the row where it came from; nil where it is not there any more. A topic that was deleted and made again has other rows in the
// same places: their times tell them apart.
func (d *Dead) Source(ctx context.Context, in Source) (*pipeline.Record, error) {
	r, err := Fetch(ctx, in, d.Record.At())
	if err != nil || r == nil || !d.Is(r) {
		return nil, err
	}
	return r, nil
}

// Is reports whether a record at the row's place is the row.
func (d *Dead) Is(r *pipeline.Record) bool {
	return d.Record.Timestamp.IsZero() || d.Record.Timestamp.UnixMilli() == r.Timestamp.UnixMilli()
}

// AtSource reports whether the row is to be read from where it came from: the letter keeps no payload.
func (d *Dead) AtSource() bool { return d.Omitted != "" && d.Omitted != OmittedUnreadable }

// DeadBatch is a failed batch read back, or one part of it where its list of rows needed several records.
type DeadBatch struct {
	pipeline.FailedBatch
	At                   pipeline.Position // of the record itself
	Sync, Sink, SinkKind string
	Part, Parts          int
	RowCount             int // of all parts
	Failed               time.Time
}

var errNotBatch = errors.New("the record is not a failed batch of tokrelay")

// ParseBatch reads a record of the failed topic.
func ParseBatch(r *pipeline.Record) (*DeadBatch, error) {
	if !isLetter(r) {
		return nil, errNotBatch
	}
	if err := knownForm(r); err != nil {
		return nil, err
	}
	var f failedBatch
	if err := json.Unmarshal(r.Value, &f); err != nil {
		return nil, fmt.Errorf("%w: its value is not the JSON it should be", errNotBatch)
	}
	failed, _ := time.Parse(time.RFC3339, f.FailedAt) // the zero time says that it is unknown
	return &DeadBatch{
		FailedBatch: pipeline.FailedBatch{
			ID: f.Batch, Endpoint: f.Endpoint, Reason: f.Reason, Attempts: f.Attempts, Rows: f.Rows,
			Answer: pipeline.Answer{HTTPStatus: f.Status, Code: f.Code, Message: f.Message, RequestID: f.RequestID},
		},
		At:   r.At(),
		Sync: f.Sync, Sink: f.Sink, SinkKind: f.SinkKind, Part: f.Part, Parts: f.Parts, RowCount: f.RowCount, Failed: failed,
	}, nil
}
