package pipeline

import "time"

// Letter is a rejected row on its way to the rejected topic.
type Letter struct {
	Record    *Record
	Rejection *Rejection
	SchemaID  string    // as the decoder read it, "" when it did not get that far
	First     time.Time // when the row first failed; zero means now
}

// FailedBatch is a batch given up as a whole: its record in the failed topic holds no payload and no identifiers, only
// where its rows stand. Its rows are Letters too.
type FailedBatch struct {
	ID       string
	Endpoint string
	Reason   Reason // GaveUp or BatchRefused
	Attempts int
	Answer   Answer
	Rows     []Position
}
