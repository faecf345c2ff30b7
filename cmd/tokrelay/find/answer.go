package find

import (
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// Answer is what became of what was asked for. It holds no clear value of a person.
type Answer struct {
	Asked       string       `json:"asked"` // what it was taken for, in words
	Verdict     string       `json:"verdict"`
	Tone        Tone         `json:"-"`
	Memberships []Membership `json:"memberships,omitempty"` // at present
	Rows        []*Row       `json:"rows,omitempty"`        // the newest first
	Looked      Looked       `json:"looked"`
	Problems    []string     `json:"problems,omitempty"` // what could not be looked at

	rows map[rowID]*Row
}

// Tone is how good an answer is, as the page colours it.
type Tone string

// The tones.
const (
	Good Tone = "good"
	Wait Tone = "wait"
	Stop Tone = "stop"
	Idle Tone = "idle"
)

// Looked is how far was looked.
type Looked struct {
	Since    time.Time `json:"since,omitzero"`         // outcomes since then; zero: all that are kept
	Outcomes int64     `json:"outcomes"`               // that were read
	Rows     int64     `json:"source_rows,omitempty"`  // that were read, of those that have not settled or were skipped
	More     bool      `json:"more,omitempty"`         // more rows were found than are told
	Short    string    `json:"not_to_end,omitempty"`   // what was not read to its end, and what does that
	Off      bool      `json:"outcomes_off,omitempty"` // none are kept
}

// State is where a row is.
type State string

// The states of a row.
const (
	Delivered State = "delivered"
	Rejected  State = "rejected"
	Failed    State = "failed"
	Skipped   State = "skipped"
	Asserted  State = "asserted"
	Waiting   State = "not read yet"
	Uploaded  State = "in an upload"
	NoUpload  State = "in no upload yet"
	Forgotten State = "settled"
	Gone      State = "gone"
	Absent    State = "not there"
)

// tones of states.
var tones = map[State]Tone{Delivered: Good, Rejected: Stop, Failed: Stop, Skipped: Idle, Asserted: Good, Waiting: Wait, Uploaded: Good, NoUpload: Wait, Forgotten: Idle, Gone: Idle, Absent: Idle}

type rowID struct {
	sync string
	at   pipeline.Position
}

// Row is a row of one sync, and what became of it.
type Row struct {
	Sync      string     `json:"sync"`
	At        string     `json:"row"`
	State     State      `json:"state"`
	Words     string     `json:"words"` // the state in a sentence, with its cause
	Changed   time.Time  `json:"changed,omitzero"`
	EventID   string     `json:"event_id,omitempty"`
	Condition string     `json:"condition,omitempty"` // of the configuration, by which it was skipped
	Reason    string     `json:"reason,omitempty"`
	Field     string     `json:"field,omitempty"`
	From      string     `json:"from,omitempty"` // where the field's value comes from
	Cure      string     `json:"cure,omitempty"`
	Letter    string     `json:"letter,omitempty"` // the dead letter
	History   []Event    `json:"history,omitempty"`
	Compared  []Compared `json:"fields,omitempty"` // what is mapped, as the row has it and as it is sent
	Today     string     `json:"today,omitempty"`  // what the row would become with the configuration as it is now

	at pipeline.Position
}

// Tone is the state's.
func (r *Row) Tone() Tone { return tones[r.State] }

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

// row is the answer's row of a sync at a position; it is made where it is not there.
func (a *Answer) row(sync string, at pipeline.Position) *Row {
	at.EventID = ""
	id := rowID{sync, at}
	r := a.rows[id]
	if r == nil {
		r = &Row{Sync: sync, At: place(at), at: at}
		a.rows[id], a.Rows = r, append(a.Rows, r)
	}
	return r
}

// explain gives a rejected row its reason, and where the field comes from.
func (r *Row) explain(s *daemon.Sync, reason pipeline.Reason, field string) {
	info := reason.Info()
	r.Reason, r.Field, r.Cure = string(reason), field, info.Cure
	r.Words = info.Meaning
	if s == nil {
		return
	}
	if o, ok := s.OriginOf(field); ok {
		r.From = o.Words
	}
}
