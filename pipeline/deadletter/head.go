package deadletter

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Head is what a dead letter's headers say to those who count and choose letters, unread: it aliases the record. Parse
// reads everything.
type Head struct {
	Sync, Class, Stage, Reason, Field []byte

	Topic, Partition, Offset []byte // of the row
	EventID, BatchID         []byte
	Failed, First, Written   []byte // RFC 3339 with milliseconds, UTC; Written is the row's own
	Replays                  []byte
	Version                  []byte // of the letter's form
}

// Read fills the head in and reports whether the record is a dead letter. It allocates nothing.
func (h *Head) Read(r *pipeline.Record) bool {
	*h = Head{}
	ours := false
	for i := range r.Headers {
		value := r.Headers[i].Value
		if name, ok := strings.CutPrefix(r.Headers[i].Key, own); ok {
			ours = ours || name == "version"
			h.own(name, value)
		} else if name, ok := strings.CutPrefix(r.Headers[i].Key, connect); ok {
			h.origin(name, value)
		}
	}
	return ours
}

func (h *Head) own(name string, value []byte) {
	switch name {
	case "version":
		h.Version = value
	case "sync":
		h.Sync = value
	case "class":
		h.Class = value
	case "stage":
		h.Stage = value
	case "reason":
		h.Reason = value
	case "field":
		h.Field = value
	case "event_id":
		h.EventID = value
	case "batch_id":
		h.BatchID = value
	case "failed_at":
		h.Failed = value
	case "original_timestamp":
		h.Written = value
	case "first_failed_at":
		h.First = value
	case "replays":
		h.Replays = value
	}
}

func (h *Head) origin(name string, value []byte) {
	switch name {
	case "topic":
		h.Topic = value
	case "partition":
		h.Partition = value
	case "offset":
		h.Offset = value
	}
}
