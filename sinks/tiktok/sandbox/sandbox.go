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
