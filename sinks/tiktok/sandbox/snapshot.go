package sandbox

import "time"

// Stats is what happened so far.
//
// Events.Digest is the sum, modulo 2^64 in each half, of the first 16 bytes of SHA-256(event_source_id, 0, event, 0,
// event_id) over the accepted events with an event_id: two sides that know the same set have the same digest.
type Stats struct {
	Started   time.Time                `json:"started"`
	Now       time.Time                `json:"now"`
	Calls     int64                    `json:"calls"`
	Events    EventCounts              `json:"events"`
	Endpoints map[string]EndpointStats `json:"endpoints"`
	Refusals  []Refusal                `json:"refusals"`
	Warnings  map[Warning]int64        `json:"warnings"`
}

// Stats returns the counts.
func (s *Sandbox) Stats() Stats {
	stats := Stats{Started: s.started, Now: s.now(), Events: s.ledger.stats(), Endpoints: map[string]EndpointStats{}}
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for path, e := range j.endpoints {
		one := *e
		one.Codes = copyCounts(e.Codes)
		stats.Endpoints[path] = one
		stats.Calls += e.Calls
	}
	stats.Refusals, stats.Warnings = j.refusalList(), copyCounts(j.warnings)
	return stats
}

// Events returns the deduplicated set TikTok counts, in the order of first arrivals.
func (s *Sandbox) Events() []Event { return s.ledger.list(false, 0, 1<<40) }

// TestEvents returns the events that were sent with a test_event_code.
func (s *Sandbox) TestEvents() []Event { return s.ledger.list(true, 0, 1<<40) }

// Calls returns the newest calls, oldest first.
func (s *Sandbox) Calls() []Call { return s.journal.list() }
