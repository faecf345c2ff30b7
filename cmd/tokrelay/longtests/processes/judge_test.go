package processes

import (
	"context"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// caughtUp waits until the group has committed the end of every partition.
func (s *stack) caughtUp() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), s.patience)
	defer cancel()
	infos := s.broker.PartitionInfos(topic)
	_, err := s.broker.WaitGroupInfo(ctx, group, func(g *kfake.GroupInfo) bool {
		if g == nil {
			return false
		}
		for _, p := range infos {
			if p.HighWatermark > 0 && g.Commits[topic][p.Partition].Offset != p.HighWatermark {
				return false
			}
		}
		return true
	})
	if err != nil {
		s.t.Fatalf("never caught up: %v; the group has %+v", err, s.broker.GroupInfo(group))
	}
}

// complete waits until everything is committed: then TikTok's set of events is exactly the rows', and none of the rows,
// all good, is a dead letter.
func (s *stack) complete() {
	s.t.Helper()
	s.caughtUp()
	held, missing := s.held(), 0
	for _, r := range s.rows {
		if !held[uid(r.Value)] {
			missing++
		}
		delete(held, uid(r.Value))
	}
	if letters := len(s.deadLetters()) + len(s.records("test.failed")); missing+len(held)+letters > 0 {
		s.t.Errorf("of %d rows TikTok has not %d, has %d that are none of them, and there are %d dead letters", len(s.rows), missing, len(held), letters)
	}
}

// committedIsSettled holds P1 at any moment of a test whose rows are all good: TikTok has every row that was committed.
func (s *stack) committedIsSettled() {
	s.t.Helper()
	g := s.broker.GroupInfo(group)
	if g == nil {
		return
	}
	held, missing := s.held(), 0
	for _, r := range s.rows {
		if r.Offset < g.Commits[topic][r.Partition].Offset && !held[uid(r.Value)] {
			missing++
		}
	}
	if missing > 0 {
		s.t.Errorf("TikTok has not %d rows that are committed: %+v", missing, g.Commits[topic])
	}
}

// members is how many the group has.
func (s *stack) members() int {
	if g := s.broker.GroupInfo(group); g != nil {
		return len(g.Members)
	}
	return 0
}

// held are the ids of the events that TikTok has.
func (s *stack) held() map[string]bool {
	ids := make(map[string]bool, len(s.rows))
	for _, e := range s.tiktok.Events() {
		ids[e.ID] = true
	}
	return ids
}

// uid reads order_uid from an order's record: it follows the framing, before's and after's branch, and the id.
func uid(value []byte) string {
	b := value[5:]
	for range 3 {
		_, n := binary.Varint(b)
		b = b[n:]
	}
	length, n := binary.Varint(b)
	return string(b[n:][:length])
}

// deadLetters are the records of the rejected topic.
func (s *stack) deadLetters() []*kgo.Record {
	s.t.Helper()
	return s.records("test.rejected")
}

func (s *stack) records(name string) []*kgo.Record {
	s.t.Helper()
	want := int64(0)
	for _, p := range s.broker.PartitionInfos(name) {
		want += p.HighWatermark
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.ConsumeTopics(name))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for int64(len(all)) < want {
		fetches := client.PollFetches(s.t.Context())
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// delivered is how many different events TikTok has.
func (s *stack) delivered() int { return int(s.tiktok.Stats().Events.Accepted) }
