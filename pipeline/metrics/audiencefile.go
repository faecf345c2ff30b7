package metrics

import "time"

// AudienceResults makes the series of every way a file upload may end.
func (s *Sync) AudienceResults(results ...string) {
	if s == nil {
		return
	}
	for _, r := range results {
		s.m.audienceUploads.WithLabelValues(s.sync, r)
	}
}

// AudienceRun counts a run of a file audience, by how it ended. uploaded: TikTok accepted it.
func (s *Sync) AudienceRun(result string, uploaded bool, took time.Duration, at time.Time) {
	if s == nil {
		return
	}
	s.m.audienceUploads.WithLabelValues(s.sync, result).Inc()
	s.m.audienceSeconds.WithLabelValues(s.sync).Observe(took.Seconds())
	if uploaded {
		s.m.audienceLast.WithLabelValues(s.sync).Set(unix(at))
	}
}

// AudienceMembers says how many members TikTok was given.
func (s *Sync) AudienceMembers(audience string, n int64) {
	if s != nil {
		s.m.audienceRows.WithLabelValues(s.sync, audience).Set(float64(n))
	}
}

// AudienceBelowMinimum reports whether the audience has too few members to be uploaded.
func (s *Sync) AudienceBelowMinimum(below bool) {
	if s == nil {
		return
	}
	v := 0.0
	if below {
		v = 1
	}
	s.m.belowMinimum.WithLabelValues(s.sync).Set(v)
}

// AudienceProgress says how far the reading of a file audience's topic is: records read, and offsets to read.
func (s *Sync) AudienceProgress(read, total int64) {
	if s != nil {
		s.m.audienceRead.WithLabelValues(s.sync).Set(float64(read))
		s.m.audienceTotal.WithLabelValues(s.sync).Set(float64(total))
	}
}
