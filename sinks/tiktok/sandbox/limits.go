package sandbox

import (
	"cmp"
	"sync"
	"time"
)

// Tier is a developer app's level of rate limits.
type Tier string

// The levels. Every app starts at Basic.
const (
	Basic    Tier = "basic"
	Advanced Tier = "advanced"
	Premium  Tier = "premium"
	Ultimate Tier = "ultimate"
)

// Quota is how many calls are taken per second, minute and day. A field of 0 takes the default, a negative one is no limit.
type Quota struct {
	PerSecond int `json:"per_second"`
	PerMinute int `json:"per_minute"`
	PerDay    int `json:"per_day"`
}

// Unlimited switches a limit off.
func Unlimited() Quota { return Quota{-1, -1, -1} }

// Limits are the buckets of a call: the app's own, or the endpoint's in its place; then the pixel's and the advertiser's,
// for which no figures are published, so that they are off unless set.
type Limits struct {
	App        Quota // default by tier: Basic 10 / 600 / 864,000
	Events     Quota // each of /event/track/, /pixel/track/, /pixel/batch/; default 1000 / 600,000 / 86,400,000
	Segment    Quota // each of /segment/audience/, /segment/mapping/; default 50 / 600,000 / 864,000,000
	Pixel      Quota // per pixel_code, code 40132
	Advertiser Quota // per advertiser_id, code 40133
}

// NoLimits switches every limit off.
func NoLimits() Limits {
	return Limits{Unlimited(), Unlimited(), Unlimited(), Unlimited(), Unlimited()}
}

func (l Limits) withDefaults() Limits {
	l.Events = l.Events.or(Quota{1000, 600_000, 86_400_000})
	l.Segment = l.Segment.or(Quota{50, 600_000, 864_000_000})
	return l
}

func (q Quota) or(d Quota) Quota {
	return Quota{cmp.Or(q.PerSecond, d.PerSecond), cmp.Or(q.PerMinute, d.PerMinute), cmp.Or(q.PerDay, d.PerDay)}
}

func (t Tier) quota() Quota {
	n := map[Tier]int{Advanced: 20, Premium: 30, Ultimate: 50}[t]
	n = cmp.Or(n, 10)
	return Quota{n, 60 * n, 86_400 * n}
}

// bucketKey names a bucket: what is limited, and for whom.
type bucketKey struct{ what, who string }

// bucket counts the calls of the current second, minute and day of the clock.
type bucket struct {
	second, minute, day int64
	inSecond, inMinute  int
	inDay               int
	blockedUntil        time.Time
}

// limiter holds the buckets.
type limiter struct {
	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

func (l *limiter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets = map[bucketKey]*bucket{}
}

// take counts a call against a quota. It returns the calls of this second, and whether the call is within the quota.
// A refused call is not counted.
func (l *limiter) take(key bucketKey, q Quota, now time.Time) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		b = &bucket{}
		l.buckets[key] = b
	}
	b.turn(now)
	if now.Before(b.blockedUntil) || b.full(q, now) {
		return b.inSecond + 1, false
	}
	b.inSecond++
	b.inMinute++
	b.inDay++
	return b.inSecond, true
}

// turn starts new counts where the clock has moved on.
func (b *bucket) turn(now time.Time) {
	if s := now.Unix(); s != b.second {
		b.second, b.inSecond = s, 0
	}
	if m := now.Unix() / 60; m != b.minute {
		b.minute, b.inMinute = m, 0
	}
	if d := now.Unix() / 86_400; d != b.day {
		b.day, b.inDay = d, 0
	}
}

// full applies the rules of recovery: a second too full clears with the next one, a minute too full blocks five
// minutes, a day too full blocks until midnight UTC.
func (b *bucket) full(q Quota, now time.Time) bool {
	switch {
	case over(b.inDay, q.PerDay):
		b.blockedUntil = now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		return true
	case over(b.inMinute, q.PerMinute):
		b.blockedUntil = now.Add(5 * time.Minute)
		return true
	}
	return over(b.inSecond, q.PerSecond)
}

func over(n, limit int) bool { return limit > 0 && n >= limit }

// limited counts a call against the bucket of its app or endpoint.
func (s *Sandbox) limited(e endpoint, t Token, now time.Time) *refusal {
	key, q := bucketKey{"app", t.App}, Quota{}
	switch e.limit {
	case limitNone:
		return nil
	case limitEvents:
		key, q = bucketKey{e.path, t.App}, s.cfg.Limits.Events
	case limitSegment:
		key, q = bucketKey{e.path, t.App}, s.cfg.Limits.Segment
	default:
		app, _ := s.accounts.app(t.App)
		q = s.cfg.Limits.App.or(app.Tier.quota())
	}
	if _, ok := s.limiter.take(key, q, now); !ok {
		return refuse(codeTooFrequent, "Too many requests. Please retry in some time.")
	}
	return nil
}

// limitedPixel counts a call against its pixel's bucket.
func (s *Sandbox) limitedPixel(code string, now time.Time) *refusal {
	if _, known := s.accounts.sources[source{"web", code}]; !known {
		return nil
	}
	if _, ok := s.limiter.take(bucketKey{"pixel", code}, s.cfg.Limits.Pixel, now); !ok {
		return refuse(codePixelTooFrequent, "The request QPS is limited by pixel_code's value.")
	}
	return nil
}

// limitedAdvertiser counts a call against its advertiser's bucket.
func (s *Sandbox) limitedAdvertiser(id string, now time.Time) *refusal {
	if _, known := s.accounts.advertisers[id]; !known {
		return nil
	}
	q := s.cfg.Limits.Advertiser
	if n, ok := s.limiter.take(bucketKey{"advertiser", id}, q, now); !ok {
		return refuse(codeAdvertiserTooFast,
			"Advertiser (%s)'s QPS (%d) reaches QPS limit %d for current path, request is temporarily restricted.", id, n, q.PerSecond)
	}
	return nil
}
