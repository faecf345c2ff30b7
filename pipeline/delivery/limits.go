package delivery

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// bucket keeps to a limit of calls a second.
type bucket struct {
	limiter  *rate.Limiter
	limit    float64 // TikTok's, for all instances together
	endpoint string  // "" when the limit is for all endpoints together
}

// bucketsOf are the buckets a call draws from.
func (g *Gate) bucketsOf(m *member, field string) []*bucket {
	endpoint := m.q.deps.Endpoint
	limit, known := g.cfg.Endpoints[endpoint]
	if !known {
		limit = g.cfg.Endpoints[""]
	}
	list := make([]*bucket, 0, 3)
	list = g.bucket(list, "endpoint "+endpoint, limit, endpoint)
	list = g.bucket(list, "advertiser", g.cfg.Advertiser, "")
	return g.bucket(list, "field "+field, g.cfg.Field, "")
}

func (g *Gate) bucket(list []*bucket, key string, limit float64, endpoint string) []*bucket {
	if limit <= 0 {
		return list
	}
	b := g.buckets[key]
	if b == nil {
		b = &bucket{rate.NewLimiter(0, 0), limit, endpoint}
		b.set(time.Now(), g.share(endpoint))
		g.buckets[key] = b
	}
	return append(list, b)
}

// set gives the bucket its part of the limit. A tenth of it is the burst and the rest the steady rate, so that no second,
// wherever it begins, sees more calls than that part: below ten calls a whole number of them, for one more would be too many.
func (b *bucket) set(now time.Time, share float64) {
	limit := max(b.limit*share, 0.01)
	steady := 0.9 * limit
	if limit >= 1 {
		steady = min(steady, math.Floor(limit))
	}
	b.limiter.SetBurstAt(now, max(1, int(limit/10)))
	b.limiter.SetLimitAt(now, rate.Limit(steady))
}

// share is this instance's part of a limit. A queue that is no instance of the sync may use its Least all the same.
func (g *Gate) share(endpoint string) float64 {
	share := 1.0
	if g.shares != nil {
		share = g.shares[endpoint]
	}
	for _, m := range g.members {
		share = max(share, m.q.deps.Least)
	}
	return share
}

// refill gives every bucket its part again after the parts have changed.
func (g *Gate) refill() {
	now := time.Now()
	for _, b := range g.buckets {
		b.set(now, g.share(b.endpoint))
	}
}

// SetShares sets which part of the limits this instance may use, 0 to 1, by endpoint, "" for the limits that all endpoints
// have in common: the other instances use the rest. Until it is called, that is all of them.
func (g *Gate) SetShares(shares map[string]float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shares = shares
	g.refill()
	g.admit()
}

// SetLimits takes other limits from a configuration that was read again. Calls in flight stay bounded as they were.
func (g *Gate) SetLimits(cfg GateConfig) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg.Endpoints, g.cfg.Field, g.cfg.Advertiser = cfg.Endpoints, cfg.Field, cfg.Advertiser
	clear(g.buckets) // the next call makes those it draws from, with the burst that they begin with
	g.admit()
}
