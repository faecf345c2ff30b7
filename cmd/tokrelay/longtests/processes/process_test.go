package processes

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// until polls often: the tests strike in the middle of something.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	program.Until(t, 5*time.Millisecond, 3*time.Minute, what, holds)
}

func TestKillingTheProcessLosesNothing(t *testing.T) {
	s := newStack(t, 6000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	for _, part := range []int{1000, 2500, 4000} {
		p := s.start()
		until(t, fmt.Sprintf("TikTok held %d events", part), func() bool { return s.delivered() >= part })
		p.Stop(os.Kill)
		s.committedIsSettled()
	}
	s.start()
	s.complete()
}

func TestSIGTERMDrainsAndRepeatsNothing(t *testing.T) {
	s := newStack(t, 4000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 20 * time.Millisecond})
	p := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.start()
	s.caughtUp()
	events := s.tiktok.Stats().Events
	if int(events.Accepted) != len(s.rows) || events.Duplicates != 0 {
		t.Errorf("TikTok holds %d events of %d rows and dropped %d repeats; want no repeats", events.Accepted, len(s.rows), events.Duplicates)
	}
}

func TestMembersThatJoinAndLeaveLoseNothing(t *testing.T) {
	s := newStack(t, 6000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	first := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	second := s.start()
	until(t, "TikTok held 2000 events", func() bool { return s.delivered() >= 2000 })
	first.Signal(syscall.SIGTERM)
	third := s.start()
	until(t, "TikTok held 3500 events", func() bool { return s.delivered() >= 3500 })
	// The embedded broker waits for ever for one that is killed while it joins.
	until(t, "the second one had joined", func() bool { return strings.Contains(second.Said(), "partitions assigned") })
	second.Signal(os.Kill)
	s.complete()
	if code := first.Exit(); code != 0 {
		t.Errorf("the member that left in good order has exit code %d", code)
	}
	third.Signal(syscall.SIGTERM)
	if code := third.Exit(); code != 0 {
		t.Errorf("the last member has exit code %d", code)
	}
}

// TestAFrozenMemberLosesNothing freezes a process for longer than its session lasts: it comes back to partitions that are
// someone else's, with rows of them in hand.
func TestAFrozenMemberLosesNothing(t *testing.T) {
	s := newStack(t, 5000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	frozen := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	frozen.Signal(syscall.SIGSTOP)
	s.start()
	s.complete()
	frozen.Signal(syscall.SIGCONT)
	frozen.Signal(syscall.SIGTERM)
	frozen.Exit()
	s.complete()
}

// TestTheOnlyMemberFrozenComesBack freezes the process until the group has forgotten it, with nobody to take over.
func TestTheOnlyMemberFrozenComesBack(t *testing.T) {
	s := newStack(t, 4000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	p := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	p.Signal(syscall.SIGSTOP)
	until(t, "the group was empty", func() bool { return s.members() == 0 })
	s.committedIsSettled()
	p.Signal(syscall.SIGCONT)
	s.complete()
}

// TestTikTokAwayUnderFullInput cuts every connection to TikTok, and lets nobody in until the process has told.
func TestTikTokAwayUnderFullInput(t *testing.T) {
	s := newStack(t, 6000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	p := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	s.doors.tiktok.set(true)
	until(t, "the process told", func() bool { return p.metric(`tokrelay_trouble{kind="tiktok",sync="orders"}`) == 1 })
	s.committedIsSettled()
	s.doors.tiktok.set(false)
	s.complete()
}

// TestAFullDiskCostsNothing lets the process write not one byte to any file: it needs none.
func TestAFullDiskCostsNothing(t *testing.T) {
	s := newStack(t, 1000)
	s.startAs("sh", "-c", `ulimit -f 0 && exec "$0" "$@"`)
	s.complete()
}

func TestARevokedTokenStopsTheSyncUntilThereIsAnother(t *testing.T) {
	s := newStack(t, 3000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 20 * time.Millisecond})
	p := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	s.tiktok.RevokeToken(sandbox.DefaultToken)
	until(t, "the process noticed", func() bool { return strings.Contains(p.Said(), `"kind":"token"`) })
	if p.metric(`tokrelay_trouble{kind="token",sync="orders"}`) != 1 {
		t.Error("no metric says that the token is refused")
	}
	s.tiktok.GrantToken(sandbox.Token{Value: "another-token"})
	write(t, s.token, "another-token")
	s.complete()
}

func TestEveryTenthCallRefusedLosesNothing(t *testing.T) {
	s := newStack(t, 3000)
	s.tiktok.AddFault(sandbox.Fault{Endpoint: "/event/track/", Every: 10, Code: 40002, Message: "Invalid parameters."})
	s.start()
	s.caughtUp()
	letters := s.deadLetters()
	if got := s.delivered() + len(letters); got != len(s.rows) {
		t.Errorf("%d rows delivered and %d dead-lettered; want %d together", s.delivered(), len(letters), len(s.rows))
	}
}

func TestAnAbsentRegistryCostsNothing(t *testing.T) {
	s := newStack(t, 1000)
	away := make(chan struct{})
	asked := make(chan struct{}, 1000)
	s.registry.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		select {
		case <-away:
			return false
		default:
		}
		asked <- struct{}{}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	s.start()
	for range 3 {
		<-asked
	}
	close(away)
	s.complete()
}

func TestAnAbsentBrokerCostsNothing(t *testing.T) {
	s := newStack(t, 4000)
	s.tiktok.AddFault(sandbox.Fault{Delay: 40 * time.Millisecond})
	p := s.start()
	until(t, "TikTok held 500 events", func() bool { return s.delivered() >= 500 })
	s.doors.broker.set(true)
	until(t, "the process noticed", func() bool {
		return strings.Contains(p.Said(), `"kind":"kafka"`) || strings.Contains(p.Said(), "Kafka")
	})
	s.doors.broker.set(false)
	s.complete()
}

// TestBadBytesAreRejectedAndTheProcessLives feeds what a hostile or confused producer writes.
func TestBadBytesAreRejectedAndTheProcessLives(t *testing.T) {
	s := newStack(t, 10)
	good := s.rows[0].Value
	bad := map[pipeline.Reason][]byte{
		pipeline.AvroDecode:         good[:len(good)/2],
		pipeline.TrailingBytes:      append(append([]byte{}, good...), 1, 2, 3),
		pipeline.UnknownMagicByte:   []byte("plain text"),
		pipeline.SchemaNotFound:     append([]byte{0, 0, 1, 0x86, 0x9f}, good[5:]...),
		pipeline.EmptyValue:         {},
		pipeline.UnsupportedFraming: append([]byte("Obj\x01"), good...),
	}
	var records []pipeline.Record
	for _, value := range bad {
		records = append(records, pipeline.Record{Key: []byte("k"), Value: value})
	}
	s.produce(records)
	s.start()
	s.caughtUp()
	got := map[pipeline.Reason][]byte{}
	for _, letter := range s.deadLetters() {
		got[pipeline.Reason(header(letter, "tokrelay.dlq.reason"))] = letter.Value
	}
	for reason, value := range bad {
		if v, ok := got[reason]; !ok || string(v) != string(value) {
			t.Errorf("no dead letter with reason %s and the original bytes; reasons are %v", reason, keys(got))
		}
	}
	if s.delivered() != len(s.rows) {
		t.Errorf("%d of %d neighbours delivered", s.delivered(), len(s.rows))
	}
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func keys[K comparable, V any](m map[K]V) []K {
	var list []K
	for k := range m {
		list = append(list, k)
	}
	return list
}

// TestClearDataLeavesNoTrace is promise P3 on the real process: no e-mail address, phone number or other clear identifier
// of any row in logs, metrics, dead-letter headers or requests.
func TestClearDataLeavesNoTrace(t *testing.T) {
	s := newStack(t, 400)
	var broken []pipeline.Record
	for _, r := range s.rows[:50] {
		broken = append(broken, pipeline.Record{Key: r.Key, Value: r.Value[:len(r.Value)-9]})
	}
	s.produce(broken)
	s.tiktok.AddFault(sandbox.Fault{Endpoint: "/event/track/", Every: 3, Code: 40002, Message: "Invalid value for email: marked someone@example.com is not valid, +12135550001"})
	p := s.start()
	s.caughtUp()
	outputs := map[string]string{"log": p.Said(), "metrics": p.get("/metrics"), "readyz": p.get("/readyz?verbose")}
	for _, c := range s.tiktok.Calls() {
		outputs["requests"] += string(c.Body)
	}
	for _, letter := range s.deadLetters() {
		for _, h := range letter.Headers {
			outputs["headers"] += h.Key + "=" + string(h.Value) + "\n"
		}
	}
	for where, text := range outputs {
		if len(text) == 0 {
			t.Errorf("nothing seen of %s: the test looks at nothing", where)
		}
		for _, marked := range []string{"example.com", "EXAMPLE.COM", "213555", "(213)", hex.EncodeToString([]byte("example.com"))} {
			if i := strings.Index(text, marked); i >= 0 {
				t.Errorf("%s hold %q: …%s…", where, marked, text[max(0, i-80):min(len(text), i+40)])
			}
		}
	}
}
