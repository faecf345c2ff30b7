package find

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// Answer is what became of what was asked for. It holds no clear value of a person.
type Answer struct {
	Asked       string       `json:"asked"` // what it was taken for, in words
	Verdict     string       `json:"verdict"`
	Tone        Tone         `json:"-"`
	Memberships []Membership `json:"memberships,omitempty"` // at present
	Rows        []*Row       `json:"rows,omitempty"`        // the newest first
	Looked      Looked       `json:"looked"`
	Problems    []string     `json:"problems,omitempty"` // what was not looked at, or not to its end, and why
}

// Tone is how good an answer is, as the page colours it.
type Tone string

// The tones, from the best to what needs an operator.
const (
	Idle Tone = "idle"
	Good Tone = "good"
	Wait Tone = "wait"
	Stop Tone = "stop"
)

// Looked is how far was looked.
type Looked struct {
	Since    time.Time `json:"since,omitzero"`         // outcomes since then; zero: there are none before that could be of it
	Outcomes int64     `json:"outcomes"`               // that were read
	Rows     int64     `json:"source_rows,omitempty"`  // that were read, of those that have not settled or were skipped
	More     bool      `json:"more,omitempty"`         // more rows were found than are told
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

// states are in the order in which an answer tells of them.
var states = []struct {
	State
	Tone
	words string
}{
	{Rejected, Stop, "rejected"},
	{Failed, Stop, "given up after it failed"},
	{Waiting, Wait, "not read yet"},
	{Delivered, Good, "sent, and accepted by TikTok"},
	{Asserted, Good, "handed to the audience's owners"},
	{Uploaded, Good, "in an upload"},
	{NoUpload, Wait, "in no upload yet"},
	{Skipped, Idle, "skipped"},
	{Forgotten, Idle, "settled, and how is not known any more"},
	{Gone, Idle, "not in Kafka any more"},
	{Absent, Idle, "not there"},
}

// Row is a row of one sync, and what became of it.
type Row struct {
	Sync     string             `json:"sync"`
	At       string             `json:"row"`
	State    State              `json:"state"`
	Words    string             `json:"words"` // the state in a sentence, with its cause
	Changed  time.Time          `json:"changed,omitzero"`
	EventID  string             `json:"event_id,omitempty"`
	Reason   string             `json:"reason,omitempty"`
	Field    string             `json:"field,omitempty"`
	From     string             `json:"from,omitempty"` // where the field's value comes from
	Cure     string             `json:"cure,omitempty"`
	Letter   string             `json:"letter,omitempty"` // the dead letter
	History  []deadletter.Event `json:"history,omitempty"`
	Compared []Compared         `json:"fields,omitempty"` // what is mapped, as the row has it and as it is sent
	Today    string             `json:"today,omitempty"`  // what the row would become with the configuration as it is now

	id      outcomes.Row
	skip    pipeline.SkipReason // why it was skipped
	refused []byte              // of the digests that TikTok refused, the first bytes
}

// Tone is the state's.
func (r *Row) Tone() Tone {
	for _, s := range states {
		if s.State == r.State {
			return s.Tone
		}
	}
	return Idle
}

// isDead reports whether the row was rejected or given up.
func (r *Row) isDead() bool { return r.State == Rejected || r.State == Failed }

// known is the answer's row; nil where it has none.
func (a *Answer) known(id outcomes.Row) *Row {
	if i := slices.IndexFunc(a.Rows, func(r *Row) bool { return r.id == id }); i >= 0 {
		return a.Rows[i]
	}
	return nil
}

// row is the answer's row; it is made where there is none.
func (a *Answer) row(id outcomes.Row) *Row {
	r := a.known(id)
	if r == nil {
		r = &Row{Sync: id.Sync, At: pipeline.Position{Topic: id.Topic, Partition: id.Partition, Offset: id.Offset}.String(), id: id}
		if id.Time != 0 {
			r.Changed = time.UnixMilli(id.Time).UTC()
		}
		a.Rows = append(a.Rows, r)
	}
	return r
}

// explain gives a rejected row its reason, and where the field comes from; s is nil where the configuration does not have the sync any more.
func (r *Row) explain(s *daemon.Sync, reason pipeline.Reason, field string) {
	info := reason.Info()
	r.Reason, r.Field, r.Cure, r.Words = string(reason), field, info.Cure, info.Meaning
	if s == nil {
		return
	}
	if o, ok := s.OriginOf(field); ok {
		r.From = o.Words
	}
}
