package deadletter

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// maxBatch is the most bytes of a batch's record: well below what Kafka takes by default.
const maxBatch = 512 << 10

// failedBatch is a failed batch in the failed topic: no payload and no identifiers, only the positions of its rows. A batch
// whose list is too long for one record has several, numbered.
type failedBatch struct {
	Version   int                 `json:"version"`
	Sync      string              `json:"sync"`
	Sink      string              `json:"sink"`
	SinkKind  string              `json:"sink_kind"`
	Batch     string              `json:"batch_id"`
	Part      int                 `json:"part"`
	Parts     int                 `json:"parts"`
	Endpoint  string              `json:"endpoint"`
	Reason    pipeline.Reason     `json:"reason"`
	Attempts  int                 `json:"attempts"`
	FailedAt  string              `json:"failed_at"`
	Status    int                 `json:"http_status,omitempty"`
	Code      int                 `json:"api_code,omitempty"`
	Message   string              `json:"api_message,omitempty"`
	RequestID string              `json:"api_request_id,omitempty"`
	RowCount  int                 `json:"row_count"` // of all parts
	Rows      []pipeline.Position `json:"rows"`
}

// Batch writes a failed batch's record and returns like Rows.
func (w *Writer) Batch(ctx context.Context, b pipeline.FailedBatch) error {
	pages, err := w.batchPages(b, time.Now())
	if err != nil {
		return err
	}
	return w.write(ctx, w.cfg.FailedTopic, pages)
}

func (w *Writer) batchPages(b pipeline.FailedBatch, now time.Time) ([]page, error) {
	parts := cutRows(b.Rows)
	pages := make([]page, len(parts))
	for i, rows := range parts {
		f := w.failedBatch(b, now)
		f.Part, f.Parts, f.Rows = i+1, len(parts), rows
		value, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		pages[i] = page{reason: b.Reason, Record: pipeline.Record{
			Topic: w.cfg.FailedTopic, Partition: -1, Timestamp: now, Key: []byte(f.Sink), Value: value, Headers: w.batchHeaders(b),
		}}
	}
	return pages, nil
}

func (w *Writer) failedBatch(b pipeline.FailedBatch, now time.Time) failedBatch {
	return failedBatch{
		Version: 1, Sync: w.about.Sync, Sink: w.about.Sink, SinkKind: w.about.SinkKind, Batch: b.ID, Endpoint: b.Endpoint,
		Reason: b.Reason, Attempts: b.Attempts, FailedAt: now.UTC().Format(timeFormat), Status: b.Answer.HTTPStatus,
		Code: b.Answer.Code, Message: b.Answer.Message, RequestID: b.Answer.RequestID, RowCount: len(b.Rows),
	}
}

func (w *Writer) batchHeaders(b pipeline.FailedBatch) []pipeline.Header {
	var h headers
	h.add(hVersion, formatVersion)
	h.add(own+"sync", w.about.Sync)
	h.add(own+"reason", string(b.Reason))
	h.add(own+"batch_id", b.ID)
	return h
}

// cutRows divides a list of rows so that each part's record stays small. A batch without rows has one empty part.
func cutRows(rows []pipeline.Position) [][]pipeline.Position {
	const frame = 8 << 10 // for everything but the rows
	var parts [][]pipeline.Position
	from, size := 0, frame
	for i := range rows {
		n := len(rows[i].Topic) + 6*len(rows[i].EventID) + 100 // an event id may need escapes
		if size+n > maxBatch && i > from {
			parts, from, size = append(parts, rows[from:i]), i, frame
		}
		size += n
	}
	return append(parts, rows[from:])
}
