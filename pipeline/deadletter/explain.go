package deadletter

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Explained is a dead letter in words.
type Explained struct {
	Letter  string `json:"letter"` // where the letter is
	Source  string `json:"source"` // where its row does
	Sync    string `json:"sync"`
	Kind    string `json:"sink_kind,omitempty"`
	Reason  string `json:"reason"`
	Class   string `json:"class"`
	Stage   string `json:"stage"`
	Field   string `json:"field,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Message string `json:"message"`

	EventID  string    `json:"event_id,omitempty"`
	SchemaID string    `json:"schema_id,omitempty"`
	Written  time.Time `json:"written,omitzero"` // the row, in Kafka
	First    time.Time `json:"first_failed,omitzero"`
	Failed   time.Time `json:"failed,omitzero"`
	Replays  int       `json:"replays"`

	State   string  `json:"state,omitempty"`   // open, repaired, failed again, unknown
	History []Event `json:"history,omitempty"` // of the row, oldest first

	TikTok   *Said    `json:"tiktok,omitempty"`
	Batch    string   `json:"batch_id,omitempty"`
	Together int      `json:"batch_size,omitempty"`
	Attempts int      `json:"attempts,omitempty"`
	Omitted  string   `json:"value_omitted,omitempty"`
	Headers  []string `json:"source_headers,omitempty"` // names alone

	Meaning string `json:"meaning"`
	Cause   string `json:"usual_cause"`
	Cure    string `json:"cure"`
	Replay  string `json:"replay"` // the command

	Row *Row `json:"row,omitempty"`
}

// Event is one thing that happened to a row: it settled, or was repaired.
type Event struct {
	At        time.Time `json:"at"`
	Outcome   string    `json:"outcome"`
	Action    string    `json:"action,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Code      string    `json:"code,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Call      string    `json:"call,omitempty"` // the batch id, as in logs and in the topic of calls
	Replay    string    `json:"replay,omitempty"`
	By        string    `json:"by,omitempty"`
	Again     int       `json:"times,omitempty"` // so often, because the row was read again
}

// Said is what TikTok answered.
type Said struct {
	HTTPStatus int    `json:"http_status,omitempty"`
	Code       int    `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
}

// classes are the classes in words.
var classes = map[pipeline.Class]string{
	pipeline.ClassUnreadable: "the record cannot be read",
	pipeline.ClassInvalid:    "tokrelay refused the row before sending",
	pipeline.ClassRejected:   "TikTok refused the row",
	pipeline.ClassFailed:     "its batch was given up",
}

// ClassInWords says who refused.
func (e *Explained) ClassInWords() string { return classes[pipeline.Class(e.Class)] }

// Explain puts a letter into words, without its row.
func Explain(d *Dead) *Explained {
	r := &d.Rejection
	info := r.Reason.Info()
	e := &Explained{
		Letter: d.At.String(), Source: d.Record.Position(), Sync: d.Sync, Kind: d.SinkKind,
		Reason: string(r.Reason), Class: string(r.Class()), Stage: string(r.Stage), Field: r.Field, Rule: r.Rule,
		Message: cmp.Or(d.Message(), r.Message()), EventID: r.EventID, SchemaID: d.SchemaID, Written: d.Record.Timestamp,
		First: d.First, Failed: d.Failed, Replays: d.Replays, Batch: r.BatchID, Together: r.BatchSize, Attempts: r.Attempts,
		Omitted: d.Omitted, Meaning: info.Meaning, Cause: info.Cause, Cure: info.Cure,
		Replay: fmt.Sprintf("tokrelay dlq replay --sync %s --reason %s", d.Sync, r.Reason),
	}
	if r.HTTPStatus != 0 || r.Code != 0 || r.APIMessage != "" {
		e.TikTok = &Said{r.HTTPStatus, r.Code, r.APIMessage, r.RequestID}
	}
	for _, h := range d.Headers() {
		if !slices.Contains(e.Headers, h.Key) {
			e.Headers = append(e.Headers, h.Key)
		}
	}
	return e
}
