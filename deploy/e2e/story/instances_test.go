//go:build e2e

package story

import (
	"os"
	"testing"
)

// Instances of one configuration share the partitions. They come, go and die while rows are under way.
func TestInstancesComeAndGoWithTheClassicGroupProtocol(t *testing.T) {
	comeAndGo(t, "classic", options{kafka: ", protocol: classic"})
}

func TestInstancesComeAndGoWithTheNewGroupProtocol(t *testing.T) {
	comeAndGo(t, "nextgen", options{kafka: ", protocol: next_gen"})
}

func comeAndGo(t *testing.T, name string, o options) {
	f := newFlow(t, name, o)
	f.day()
	first := f.start()
	f.streaming()
	f.day()
	f.underWay()
	second := f.second()
	f.day()
	f.underWay()
	if code := first.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d after a clean stop, want 0", code)
	}
	f.day()
	f.underWay()
	second.Stop(os.Kill)
	f.start()
	f.day()
	f.laws()
}
