package pipeline

import "testing"

// A row that settled after its chunk was given up was counted twice: as forgotten and as settled.
func TestNothingSettlesInAChunkThatWasAbandoned(t *testing.T) {
	c := NewChunk(make([]Record, 3))
	if !c.Settle(0, Delivered) {
		t.Fatal("a row did not settle")
	}
	if got := c.Abandon(); got != 2 {
		t.Errorf("abandoned %d rows, want 2", got)
	}
	if c.Settle(1, DeadLettered) {
		t.Error("a row settled after its chunk was abandoned")
	}
	if got := c.Left(); got != 2 {
		t.Errorf("%d rows are left, want 2", got)
	}
}
