package delivery

import (
	"testing"

	"golang.org/x/time/rate"
)

func TestLimitsThatAreReadAgainCountForTheNextCallByTheInstancesShare(t *testing.T) {
	g := NewGate(GateConfig{CallsInFlight: 1, Endpoints: map[string]float64{"/a/": 100}, Advertiser: 200})
	m := &member{q: &Queue{deps: Deps{Endpoint: "/a/"}}}
	g.SetShares(map[string]float64{"/a/": 0.5, "": 0.5})
	limits := func() (list []rate.Limit) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, b := range g.bucketsOf(m, "pixel") {
			list = append(list, b.limiter.Limit())
		}
		return list
	}
	if got := limits(); len(got) != 2 || got[0] != 45 || got[1] != 90 {
		t.Fatalf("got %v, want half of nine tenths of 100 and 200", got)
	}
	g.SetLimits(GateConfig{Endpoints: map[string]float64{"/a/": 40}, Field: 20})
	if got := limits(); len(got) != 2 || got[0] != 18 || got[1] != 9 {
		t.Errorf("got %v, want half of nine tenths of 40 and of 20 for a pixel", got)
	}
}
