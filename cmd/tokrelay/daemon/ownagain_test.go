package daemon

import (
	"bytes"
	"context"
	"errors"
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
	if !create {
		s.makeOwners()
	}
	s.row("ada@example.com")
	s.row("nobody")
	await(t, "the good row", func() bool { return len(s.tiktok.Events()) == 1 })
	await(t, "the member", func() bool { return s.members() == 1 })
	await(t, "the bad row's letters", func() bool { return written(t, s.d, "shop.rejected") == 2 })
	return s
}

// owners are the topics of the audience, whose id is known once it was made.
func (s *story) owners() (names []string) {
	for _, a := range s.tiktok.Audiences() {
		for _, topic := range []string{"rows", "members", "claims"} {
			names = append(names, "shop.audience."+a.ID+"."+topic)
		}
	}
	return names
}

// makeOwners makes the topics of the audience as an operator does who is told that they are missing.
func (s *story) makeOwners() {
	await(s.t, "the audience's topics to be asked for", func() bool {
		names := s.owners()
		return len(names) > 0 && s.troubled("members", "topic "+names[0]+" does not exist, and may not be created: create it")
	})
	for i, topic := range s.owners() {
		policy := map[string]string{"cleanup.policy": "compact"}
		if i == 0 {
			policy = map[string]string{"retention.ms": "-1"}
		}
		if err := s.cluster.CreateTopic(topic, 4, policy); err != nil {
			s.t.Fatal(err)
		}
	}
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
	for _, topic := range greedyOwn[:4] {
		t.Run(topic, func(t *testing.T) {
			s := begin(t, true)
			if err := s.cluster.DeleteTopic(topic); err != nil {
				t.Fatal(err)
			}
			s.row("grace@example.com")
			s.row("nobody")
			await(t, "the next good row", func() bool { return len(s.tiktok.Events()) == 2 })
			await(t, "the next member", func() bool { return s.members() == 2 })
			want := map[string]int64{"shop.rejected": 2, "shop.failed": 0, "shop.state": 1, "shop.calls": 1}
			await(t, "the topic with what belongs into it", func() bool { return s.has(topic, want[topic]) })
			for _, sync := range []string{"orders", "members"} {
				await(t, "the end of trouble", func() bool { return len(s.d.Wiring.Status.Troubles(sync)) == 0 })
			}
		})
	}
}

// TestAnOwnTopicThatMayNotBeMadeAgainHoldsWhatNeedsItAndIsNamed: the operator makes it, and all goes on by itself.
func TestAnOwnTopicThatMayNotBeMadeAgainHoldsWhatNeedsItAndIsNamed(t *testing.T) {
	for topic, held := range map[string]string{"shop.rejected": "orders", "shop.calls": "", "shop.state": "", "shop.failed": ""} {
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
		if (t.Kind == pipeline.TroubleDeadLetter || t.Kind == pipeline.TroubleState || t.Kind == pipeline.TroubleKafka) && strings.Contains(t.What, says) {
			return true
		}
	}
	return false
}

// TestWhatIsRememberedOutlivesItsTopic: nobody writes after the topic was deleted; still the next start knows the audience.
func TestWhatIsRememberedOutlivesItsTopic(t *testing.T) {
	s := begin(t, true)
	if err := s.cluster.DeleteTopic("shop.state"); err != nil {
		t.Fatal(err)
	}
	await(t, "the audience in the new topic", func() bool { return s.has("shop.state", 1) })
	await(t, "the log to say what became of the memory", func() bool { return s.log.has("what this instance remembers of it is in the new one") })
}

// TestAStartWithoutItsMembersSaysSo: the audience's topics are new, and nobody knows of earlier ones; the group's offsets are not new.
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
			members := d.audience("members")
			if err := errors.Join(d.Wiring.EnsureState(t.Context()), d.Wiring.State.Refresh(t.Context()), members.findAudience(t.Context()), members.findTopics(t.Context())); err != nil {
				t.Fatal(err)
			}
			if got := s.log.has("tokrelay resync --sync members"); got != c.want {
				t.Errorf("says that members may be forgotten: got %v, want %v", got, c.want)
			}
		})
	}
}

// TestAStartThatHadMembersAndFindsNoneIsHeldUntilAResync: the audience's topics were there, which the state topic knows; and they are
// not made again, for what they held is lost.
func TestAStartThatHadMembersAndFindsNoneIsHeldUntilAResync(t *testing.T) {
	t.Parallel()
	cluster, d, tiktok := greedyDaemon(t, append([]string{"shop.orders"}, greedyOwn...)...)
	defer d.Wiring.Close()
	s := &story{t: t, cluster: cluster, d: d, tiktok: tiktok}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { d.Wiring.audiences.run(ctx) })
	members := d.audience("members")
	if err := errors.Join(d.Wiring.EnsureState(ctx), d.Wiring.State.Refresh(ctx), members.findAudience(ctx), members.findTopics(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteTopic(s.owners()[1]); err != nil {
		t.Fatal(err)
	}
	await(t, "the client to know", func() bool { // it remembers for some seconds what it was told of topics
		there, err := d.Wiring.Admin.Topics(ctx, s.owners()...)
		return err == nil && len(there) == 2
	})
	started := make(chan error, 1)
	go func() { started <- members.AwaitMemory(ctx) }()
	await(t, "the trouble with its cure", func() bool {
		list := d.Wiring.Status.Troubles("members")
		return len(list) == 1 && list[0].Stop && strings.Contains(list[0].What, "topic "+s.owners()[1]+" was deleted") && strings.Contains(list[0].What, "tokrelay resync --sync members")
	})
	if there, err := d.Wiring.Admin.Topics(ctx, s.owners()...); err != nil || len(there) != 2 {
		t.Errorf("%d topics are there, want 2: %v", len(there), err)
	}
	if err := audience.Resync(ctx, d.Wiring.State, "members", audience.Owned, false); err != nil {
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

// TestAnAudiencesTopicThatIsDeletedHoldsItsSync while it runs, and no other; nothing makes it again.
func TestAnAudiencesTopicThatIsDeletedHoldsItsSync(t *testing.T) {
	for i, what := range []string{"rows", "members", "claims"} {
		t.Run(what, func(t *testing.T) {
			s := begin(t, true)
			topic := s.owners()[i]
			if err := s.cluster.DeleteTopic(topic); err != nil {
				t.Fatal(err)
			}
			await(t, "the sync to be held, with what to do", func() bool { return s.troubled("members", "topic "+topic+" was deleted") })
			s.row("grace@example.com")
			await(t, "the other sync's row", func() bool { return len(s.tiktok.Events()) == 2 })
			if there, err := s.d.Wiring.Admin.Topics(t.Context(), topic); err != nil || len(there) > 0 {
				t.Errorf("the topic is there again: %v, %v", there, err)
			}
		})
	}
}
