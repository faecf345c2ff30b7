package delivery

import (
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
		b.set(time.Now(), g.quota(endpoint))
		g.buckets[key] = b
	}
	return append(list, b)
}

// set gives the bucket its part of the limit. A tenth of it is the burst and the rest the steady rate, so that no second,
// wherever it begins, sees more calls than the limit.
func (b *bucket) set(now time.Time, quota float64) {
	limit := max(b.limit*quota, 0.01)
	burst := max(1, int(limit/10))
	b.limiter.SetBurstAt(now, burst)
	b.limiter.SetLimitAt(now, rate.Limit(max(limit-float64(burst), limit*0.9)))
}

// quota is this instance's part of a limit: what its syncs read of their topics, on average. Over all instances of the
// same configuration these parts make one.
func (g *Gate) quota(endpoint string) float64 {
	sum, n := 0.0, 0
	for _, m := range g.members {
		if endpoint == "" || m.q.deps.Endpoint == endpoint {
			sum, n = sum+m.quota, n+1
		}
	}
	if n == 0 {
		return 1
	}
	return sum / float64(n)
}

// refill gives every bucket its part again after the parts have changed.
func (g *Gate) refill() {
	now := time.Now()
	for _, b := range g.buckets {
		b.set(now, g.quota(b.endpoint))
	}
}

// SetQuota sets which part of the sync's partitions this instance reads (0 to 1): it makes that part of the calls its
// limits allow, for the other instances make the rest.
func (q *Queue) SetQuota(part float64) {
	g := q.deps.Gate
	g.mu.Lock()
	defer g.mu.Unlock()
	q.member.quota = min(max(part, 0), 1)
	g.refill()
	g.admit()
}
