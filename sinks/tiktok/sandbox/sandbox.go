package sandbox

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Sandbox is a simulated TikTok. It is an http.Handler and safe for concurrent use.
type Sandbox struct {
	cfg       Config
	endpoints map[string]endpoint
	accounts  *accounts
	limiter   limiter
	ledger    *ledger
	audiences *audiences
	races     races
	grants    grants
	faults    faults
	journal   *journal
	admin     http.Handler
	started   time.Time
	advanced  atomic.Int64 // nanoseconds added to the clock by Advance
	sequence  atomic.Int64
}

// New makes a simulator that holds nothing yet.
func New(cfg Config) *Sandbox {
	cfg = cfg.withDefaults()
	s := &Sandbox{
		cfg: cfg, endpoints: map[string]endpoint{}, accounts: newAccounts(cfg),
		ledger: newLedger(cfg), audiences: newAudiences(cfg), journal: newJournal(cfg), started: cfg.Now(),
	}
	for _, e := range endpoints() {
		s.endpoints[base+e.path] = e
	}
	s.limiter.reset()
	s.grants.reset()
	s.admin = s.view()
	return s
}

// Reset empties the simulator: events, audiences, uploads, faults, counts and rate limits. The configured tokens are
// valid again, all others are not. The clock keeps what Advance added.
func (s *Sandbox) Reset() {
	s.accounts.reset()
	s.limiter.reset()
	s.ledger.reset()
	s.audiences.reset()
	s.grants.reset()
	s.faults.clear()
	s.journal.reset()
}

// Advance moves the simulator's clock forward.
func (s *Sandbox) Advance(d time.Duration) { s.advanced.Add(int64(d)) }

// GrantToken makes a token valid, also one that was revoked.
func (s *Sandbox) GrantToken(t Token) { s.accounts.grant(t) }

// RevokeToken makes a token invalid, as an advertiser does who withdraws consent: calls are answered 40105.
func (s *Sandbox) RevokeToken(value string) bool {
	_, ok := s.accounts.revoke(value)
	return ok
}

// RevokeTokens makes every token invalid.
func (s *Sandbox) RevokeTokens() int { return s.accounts.revokeAll() }

func (s *Sandbox) now() time.Time { return s.cfg.Now().Add(time.Duration(s.advanced.Load())) }

// requestID looks like TikTok's: the time, then digits no other has.
func (s *Sandbox) requestID(now time.Time) string {
	return fmt.Sprintf("%s%018X", now.UTC().Format("20060102150405"), s.sequence.Add(1))
}

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
