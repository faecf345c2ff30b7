package metrics

import "time"

// MemberStates says how many members are remembered.
func (s *Sync) MemberStates(n int) {
	if s != nil {
		s.m.memberStates.WithLabelValues(s.sync).Set(float64(n))
	}
}

// MemberRestore says how long the last restore of member state took.
func (s *Sync) MemberRestore(d time.Duration) {
	if s != nil {
		s.m.memberRestore.WithLabelValues(s.sync).Set(d.Seconds())
	}
}

// Audience is what TikTok last told of an audience.
type Audience struct {
	ID      string
	Covered int64
	Valid   bool
	Expires time.Time // zero: unknown
}

// AudienceRead publishes what TikTok told of an audience.
func (s *Sync) AudienceRead(a Audience) {
	if s == nil {
		return
	}
	valid := 0.0
	if a.Valid {
		valid = 1
	}
	s.m.audienceSize.WithLabelValues(s.sync, a.ID).Set(float64(a.Covered))
	s.m.audienceValid.WithLabelValues(s.sync, a.ID).Set(valid)
	if !a.Expires.IsZero() {
		s.m.audienceExpiry.WithLabelValues(s.sync, a.ID).Set(unix(a.Expires))
	}
}
