package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.out.String(), text)
}

// story is a greedy daemon that has delivered a good row and written a letter of a bad one.
type story struct {
	t       *testing.T
	cluster *kfake.Cluster
	d       *Daemon
	tiktok  *sandbox.Sandbox
	log     logged
	rows    int
}

func begin(t *testing.T, create bool) *story {
	t.Parallel()
	s := &story{t: t}
	s.cluster, s.d, s.tiktok = greedyDaemon(t, append([]string{"shop.orders"}, greedyOwn...)...)
	s.d.Wiring.Config.DeadLetter.Create, s.d.Wiring.Config.Calls.Create = create, create
	s.d.Wiring.Status.LogTo(slog.New(slog.NewTextHandler(&s.log, nil)))
	s.d.Wiring.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the log:\n%s", s.log.text())
		}
		if err := <-ended; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
	s.row("ada@example.com")
	s.row("nobody")
	await(t, "the good row", func() bool { return len(s.tiktok.Events()) == 1 })
	await(t, "the member", func() bool { return s.members() == 1 })
	await(t, "the bad row's letters", func() bool { return written(t, s.d, "shop.rejected") == 2 })
	return s
}

func (s *story) row(email string) {
	s.rows++
	produceJSON(s.t, s.cluster, "shop.orders", fmt.Sprint(s.rows), fmt.Sprintf(`{"id":"%d","at":%q,"email":%q}`, s.rows, time.Now().UTC().Format(time.RFC3339), email))
}

func (s *story) members() (n int) {
	for _, a := range s.tiktok.Audiences() {
		n += a.Members
	}
	return n
}

// has reports whether the topic is there and holds at least n records.
func (s *story) has(topic string, n int64) bool {
	ends, err := s.d.Wiring.Admin.Ends(s.t.Context(), topic)
	if err != nil {
		return false // a broker may not know the new one yet
	}
	var got int64
	for _, end := range ends[topic] {
		got += end
	}
	return got >= n
}

// TestAnOwnTopicThatIsDeletedIsMadeAgainAndUsed deletes one own topic at a time under a running daemon. What a row needs of
// it is in the new one.
func TestAnOwnTopicThatIsDeletedIsMadeAgainAndUsed(t *testing.T) {
	for _, topic := range greedyOwn {
		t.Run(topic, func(t *testing.T) {
			s := begin(t, true)
			if err := s.cluster.DeleteTopic(topic); err != nil {
				t.Fatal(err)
			}
			s.row("grace@example.com")
			s.row("nobody")
			await(t, "the next good row", func() bool { return len(s.tiktok.Events()) == 2 })
			await(t, "the next member", func() bool { return s.members() == 2 })
			want := map[string]int64{"shop.rejected": 2, "shop.failed": 0, "shop.state": 1, "shop.calls": 1, "shop.members.members": 2}
			await(t, "the topic with what belongs into it", func() bool { return s.has(topic, want[topic]) })
			for _, sync := range []string{"orders", "members"} {
				await(t, "the end of trouble", func() bool { return len(s.d.Wiring.Status.Troubles(sync)) == 0 })
			}
		})
	}
}

// TestAnOwnTopicThatMayNotBeMadeAgainHoldsWhatNeedsItAndIsNamed: the operator makes it, and all goes on by itself.
func TestAnOwnTopicThatMayNotBeMadeAgainHoldsWhatNeedsItAndIsNamed(t *testing.T) {
	for topic, held := range map[string]string{"shop.rejected": "orders", "shop.members.members": "members", "shop.calls": "", "shop.state": "", "shop.failed": ""} {
		t.Run(topic, func(t *testing.T) {
			s := begin(t, false)
			if err := s.cluster.DeleteTopic(topic); err != nil {
				t.Fatal(err)
			}
			s.row("nobody")
			s.row("grace@example.com")
			says := "topic " + topic + " does not exist, and may not be created: create it"
			await(t, "a line in the log", func() bool { return s.log.has(says) })
			if held != "" {
				await(t, "the sync to be held, with what to do", func() bool { return s.troubled(held, says) })
			}
			if err := s.cluster.CreateTopic(topic, 1, nil); err != nil {
				t.Fatal(err)
			}
			await(t, "the next good row", func() bool { return len(s.tiktok.Events()) == 2 })
			s.row("edsger@example.com")
			await(t, "a row after it", func() bool { return len(s.tiktok.Events()) == 3 })
			await(t, "the next members", func() bool { return s.members() == 3 })
			await(t, "the topic with what belongs into it", func() bool { return s.has(topic, 1) || topic == "shop.failed" })
			if held != "" {
				await(t, "the end of trouble", func() bool { return len(s.d.Wiring.Status.Troubles(held)) == 0 })
			}
		})
	}
}

func (s *story) troubled(sync, says string) bool {
	for _, t := range s.d.Wiring.Status.Troubles(sync) {
		if (t.Kind == pipeline.TroubleDeadLetter || t.Kind == pipeline.TroubleState) && strings.Contains(t.What, says) {
			return true
		}
	}
	return false
}

// TestWhatIsRememberedOutlivesItsTopic: nobody writes after the topic was deleted; still the next start knows the member.
func TestWhatIsRememberedOutlivesItsTopic(t *testing.T) {
	s := begin(t, true)
	for _, topic := range []string{"shop.state", "shop.members.members"} {
		if err := s.cluster.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the member in the new topic", func() bool { return s.has("shop.members.members", 1) })
	await(t, "the audience in the new topic", func() bool { return s.has("shop.state", 1) })
	if !s.log.has("what this instance remembers of it is in the new one") {
		t.Error("the log does not say what became of the memory")
	}
}

// TestAStartWithoutItsMembersSaysSo: the topic of members is new, the group's offsets are not.
func TestAStartWithoutItsMembersSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read int64
		want bool
	}{"rows were read": {1, true}, "the first start": {0, false}} {
		t.Run(name, func(t *testing.T) {
			cluster, d, _ := greedyDaemon(t, append([]string{"shop.orders"}, greedyOwn...)...)
			defer d.Wiring.Close()
			s := &story{t: t, cluster: cluster, d: d}
			s.row("ada@example.com")
			if err := d.Wiring.Admin.SetOffsets(t.Context(), "shop.members", admin.Offsets{"shop.orders": {0: c.read}}); err != nil {
				t.Fatal(err)
			}
			d.Wiring.Log = slog.New(slog.NewTextHandler(&s.log, nil))
			if err := d.audience("members").AwaitMemory(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := s.log.has("tokrelay resync --sync NAME"); got != c.want {
				t.Errorf("says that members may be forgotten: got %v, want %v", got, c.want)
			}
		})
	}
}

// TestAStartThatHadMembersAndFindsNoneIsHeldUntilAResync: members were remembered, which the state topic knows.
func TestAStartThatHadMembersAndFindsNoneIsHeldUntilAResync(t *testing.T) {
	t.Parallel()
	cluster, d, _ := greedyDaemon(t, append([]string{"shop.orders"}, greedyOwn...)...)
	defer d.Wiring.Close()
	s := &story{t: t, cluster: cluster, d: d}
	s.row("ada@example.com")
	if err := d.Wiring.Admin.SetOffsets(t.Context(), "shop.members", admin.Offsets{"shop.orders": {0: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Wiring.EnsureState(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Wiring.State.Put(t.Context(), audience.MembersKey("members"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- d.audience("members").AwaitMemory(t.Context()) }()
	await(t, "the trouble with its cure", func() bool {
		list := d.Wiring.Status.Troubles("members")
		return len(list) == 1 && list[0].Stop && strings.Contains(list[0].What, "tokrelay resync --sync members")
	})
	if err := audience.Resync(t.Context(), d.Wiring.State, "members", audience.Owned, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Wiring.Admin.SetOffsets(t.Context(), "shop.members", admin.Offsets{"shop.orders": {0: 0}}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-started:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Error("the sync is held after the resync")
	}
}
