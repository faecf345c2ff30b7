//go:build soak

package processes

import (
	"flag"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// The long forms of the tests next to them: `make soak`. Their moments are random; the seed is in the log.

var seed = flag.Uint64("seed", 0, "of the random moments; 0: another one each time")

// soakStack is a stack whose TikTok takes a second for each call, so that rows are in flight at any moment.
func soakStack(t *testing.T, rows int) (*stack, *rand.Rand) {
	s := newStack(t, rows)
	s.patience = 5 * time.Minute
	s.forget()
	s.tiktok.AddFault(sandbox.Fault{Delay: time.Second})
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("-seed %d", n)
	t.Cleanup(func() {
		t.Logf("%d rows; TikTok dropped %d repeats", len(s.rows), s.tiktok.Stats().Events.Duplicates)
	})
	return s, rand.New(rand.NewPCG(n, 0))
}

func pass(d time.Duration) { <-time.After(d) }

func moment(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most)))
}

// moving waits until TikTok gets rows it has not.
func (s *stack) moving() {
	s.t.Helper()
	before := s.delivered()
	program.Until(s.t, 50*time.Millisecond, s.patience, "rows went on", func() bool { return s.delivered() > before })
}

// midway holds that there is something left to lose.
func (s *stack) midway() {
	s.t.Helper()
	if s.delivered() == len(s.rows) {
		s.t.Fatal("everything was delivered too early: the test strikes at nothing")
	}
	s.committedIsSettled()
}

func TestSoakTwentyKillsAtRandomMoments(t *testing.T) {
	s, random := soakStack(t, 80_000)
	for kill := range 20 {
		p := s.start()
		if random.IntN(4) > 0 { // else it dies wherever it is: starting, waiting for the last one's session to run out
			s.moving()
		}
		pass(moment(random, 4*time.Second))
		p.Stop(os.Kill)
		t.Logf("kill %d at %d rows", kill+1, s.delivered())
		s.midway()
	}
	s.start()
	s.complete()
}

func TestSoakUpToThreeMembersComeAndGo(t *testing.T) {
	s, random := soakStack(t, 120_000)
	var members, leaving []*process
	for range 30 {
		if random.IntN(2) == 0 && len(members) > 0 {
			s.moving()
		}
		pass(moment(random, 4*time.Second))
		if len(members) < 3 && (len(members) == 0 || random.IntN(2) == 0) {
			members = append(members, s.start())
			continue
		}
		i := random.IntN(len(members))
		p := members[i]
		switch random.IntN(3) {
		case 0:
			p.Stop(os.Kill)
		case 1:
			p.Signal(syscall.SIGTERM)
			leaving = append(leaving, p)
		default:
			p.Signal(syscall.SIGSTOP)
			pass(8 * time.Second) // its session is six
			p.Signal(syscall.SIGCONT)
			continue
		}
		members = append(members[:i], members[i+1:]...)
		s.midway()
	}
	s.start()
	s.complete()
	for _, p := range leaving {
		if code := p.Exit(); code != 0 && code != 3 { // 3: the group took partitions away, or TikTok was too slow for the deadline
			t.Errorf("a member that was told to leave ended with exit code %d", code)
		}
	}
}

func TestSoakMembersFrozenInTurn(t *testing.T) {
	s, random := soakStack(t, 100_000)
	members := []*process{s.start(), s.start()}
	until(t, "both had partitions", func() bool { return s.members() == 2 })
	for round := range 6 {
		p := members[round%2]
		s.moving()
		pass(moment(random, 3*time.Second))
		p.Signal(syscall.SIGSTOP)
		pass(10 * time.Second)
		s.midway()
		t.Logf("round %d: TikTok holds %d rows, %d came again", round+1, s.delivered(), s.tiktok.Stats().Events.Duplicates)
		p.Signal(syscall.SIGCONT)
	}
	s.complete()
}

func TestSoakATokenRevokedForAMinute(t *testing.T) {
	s, random := soakStack(t, 60_000)
	s.start()
	for _, token := range []string{"second-token", "third-token"} {
		pass(5*time.Second + moment(random, 5*time.Second))
		s.tiktok.RevokeTokens()
		pass(10 * time.Second) // calls in flight are answered
		before := s.delivered()
		pass(50 * time.Second)
		if now := s.delivered(); now != before {
			t.Errorf("%d rows were delivered by a revoked token", now-before)
		}
		s.midway()
		s.tiktok.GrantToken(sandbox.Token{Value: sandbox.Secret(token)})
		write(t, s.token, token)
		start := time.Now()
		s.moving()
		t.Logf("with another token rows went on after %v", time.Since(start).Round(100*time.Millisecond))
	}
	s.complete()
}

func TestSoakTikTokAwayForHalfAMinute(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*stack) (end func()){
		"connections cut": func(s *stack) func() {
			s.doors.tiktok.set(true)
			return func() { s.doors.tiktok.set(false) }
		},
		"a proxy's 503": func(s *stack) func() {
			id := s.tiktok.AddFault(sandbox.Fault{HTTPStatus: 503})
			return func() { s.tiktok.RemoveFault(id) }
		},
		"everything throttled": func(s *stack) func() {
			id := s.tiktok.AddFault(sandbox.Fault{Code: 40100})
			return func() { s.tiktok.RemoveFault(id) }
		},
		"each call cut after its effect": func(s *stack) func() {
			id := s.tiktok.AddFault(sandbox.Fault{Stage: sandbox.AfterEffect, Reset: true})
			return func() { s.tiktok.RemoveFault(id) }
		},
	}
	for name, begin := range ways {
		t.Run(name, func(t *testing.T) {
			s, random := soakStack(t, 60_000)
			s.start()
			until(t, "TikTok held two thousand events", func() bool { return s.delivered() >= 2000 })
			pass(moment(random, 2*time.Second))
			end := begin(s)
			pass(30 * time.Second)
			s.midway()
			start := time.Now()
			end()
			s.moving()
			t.Logf("once it was back, rows went on after %v", time.Since(start).Round(100*time.Millisecond))
			s.complete()
		})
	}
}
