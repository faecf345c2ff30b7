package pipeline

import (
	"strings"
	"time"
)

// Stage is the step that refused a row.
type Stage string

const (
	StageFrame    Stage = "frame"    // how the schema id travels
	StageDecode   Stage = "decode"   // schema and Avro or JSON bytes
	StageMap      Stage = "map"      // columns and expressions to fields
	StageValidate Stage = "validate" // TikTok's rules for values
	StageIdentity Stage = "identity" // normalising and hashing identifiers
	StageSend     Stage = "send"     // TikTok's answer
)

// Class says who refused, in the words of the dead-letter headers.
type Class string

const (
	ClassUnreadable Class = "unreadable" // the bytes cannot be read
	ClassInvalid    Class = "invalid"    // we refused the row before sending
	ClassRejected   Class = "rejected"   // TikTok refused it
	ClassFailed     Class = "failed"     // given up after retries
)

// Classes lists them all.
var Classes = []Class{ClassUnreadable, ClassInvalid, ClassRejected, ClassFailed}

// Rejection is a row that cannot succeed as it is. It is the error a step returns for such a row. It names the field
// and the rule, never the value: it travels into headers, logs and the page.
type Rejection struct {
	Stage  Stage
	Reason Reason
	Field  string // "properties.currency", "column amount", or "" when the whole row is meant
	Rule   string // what the field has to satisfy
	Detail string // more for a person, free of values: an error of the Avro decoder, for example

	EventID string

	// What TikTok said, for StageSend.
	HTTPStatus, Code  int
	APIMessage        string // scrubbed
	RequestID         string
	BatchID           string
	BatchSize         int
	Attempts, Replays int
}

// Reject is the shortest way to make one.
func Reject(stage Stage, reason Reason, field, rule string) *Rejection {
	return &Rejection{Stage: stage, Reason: reason, Field: field, Rule: rule}
}

// Message is one sentence for a person: what is wrong, where, and by which rule.
func (r *Rejection) Message() string {
	var b strings.Builder
	b.WriteString(r.Reason.Info().Meaning)
	if r.Field != "" {
		b.WriteString(": " + r.Field)
	}
	for _, more := range []string{r.Rule, r.Detail, r.APIMessage} {
		if more != "" {
			b.WriteString(": " + more)
		}
	}
	return b.String()
}

func (r *Rejection) Error() string {
	return string(r.Stage) + ": " + string(r.Reason) + ": " + r.Message()
}

// Class says who refused the row.
func (r *Rejection) Class() Class { return r.Reason.Info().Class }

// Letter is a rejected row on its way to the rejected topic.
type Letter struct {
	Record    *Record
	Rejection *Rejection
	SchemaID  string    // as the decoder read it, "" when it did not get that far
	First     time.Time // when the row first failed; zero means now
	Persons   []byte    // as Items.Persons has them, of a row that got so far
}

// FailedBatch is a batch given up as a whole: its record in the failed topic holds no payload and no identifiers, only
// where its rows are. Its rows are Letters too.
type FailedBatch struct {
	ID       string
	Endpoint string
	Reason   Reason // GaveUp or BatchRefused
	Attempts int
	Answer   Answer
	Rows     []Position
}
