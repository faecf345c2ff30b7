package replay

import (
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// A source topic that was deleted and made again has other rows in the places of the old ones. One of those was sent in the place of the row
// of a letter without payload.
func TestTheRowOfALetterIsNotReadFromATopicMadeAgain(t *testing.T) {
	producer, client := brokerWith(t, "orders")
	now := time.Now()
	if err := producer.Produce(t.Context(), []pipeline.Record{{Topic: "orders", Value: []byte("row"), Timestamp: now}})[0]; err != nil {
		t.Fatal(err)
	}
	letter := func(at time.Time) *deadletter.Dead {
		return &deadletter.Dead{Omitted: deadletter.OmittedByConfig, Record: pipeline.Record{Topic: "orders", Timestamp: at}}
	}
	own, undated, other := letter(now.Truncate(time.Millisecond)), letter(time.Time{}), letter(now.Add(-time.Hour))
	r := &Replay{wiring: &daemon.Wiring{Admin: client}}
	if err := r.complete(t.Context(), []*deadletter.Dead{own, undated, other}); err != nil {
		t.Fatal(err)
	}
	if own.AtSource() || undated.AtSource() || string(own.Record.Value) != "row" {
		t.Errorf("the row of the letter was not read: %+v, %+v", own, undated)
	}
	if !other.AtSource() || other.Record.Value != nil {
		t.Error("another row was read for that of the letter")
	}
	if found, err := other.Source(t.Context(), daemon.LettersIn(client)); found != nil || err != nil {
		t.Errorf("another row is shown for that of the letter: %v, %v", found, err)
	}
}
