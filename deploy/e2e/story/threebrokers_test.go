//go:build e2e

package story

import (
	"os"
	"testing"
)

// One of three brokers dies while rows are under way, stays away for a day and comes back.
func TestThreeBrokersOfWhichOneDiesLoseNothing(t *testing.T) {
	if os.Getenv("E2E_BROKERS") != "3" {
		t.Fatal("this test needs E2E_BROKERS=3")
	}
	f := newFlow(t, "threebrokers", options{})
	f.day()
	f.source.written(t)
	f.start()
	f.streaming()
	f.day()
	f.underWay()
	stack(t, "signal", "KILL", "kafka3")
	f.day()
	f.laws()
	stack(t, "start", "kafka3")
	f.day()
	f.underWay()
	stack(t, "signal", "KILL", "kafka2")
	f.day()
	f.laws()
	stack(t, "start", "kafka2")
}
