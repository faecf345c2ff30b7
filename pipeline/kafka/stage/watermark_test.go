package stage

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// worker is a neighbour of a Watermark: it keeps what it is given.
type worker struct {
	*restored
	water   *Watermark
	from    map[int32]int64 // what was committed at the takeover
	read    map[int32][]string
	revoked []int32
	lost    []int32
	calls   chan struct{} // closed once calls under way have ended; nil: there are none
	mu      sync.Mutex
}

func (b *bench) worker(topic string) *worker {
	b.Helper()
	w := &worker{restored: newRestored(), from: map[int32]int64{}, read: map[int32][]string{}}
	var err error
	w.water, err = NewWatermark(b.config(), WatermarkOptions{Group: b.group(topic),
		Restore: func(id int32, committed int64) Restoration {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.from[id] = committed
			return w.restored.restore(id)
		},
		Take: func(records []pipeline.Record) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for i := range records {
				w.read[records[i].Partition] = append(w.read[records[i].Partition], string(records[i].Value))
			}
			return nil
		},
		Wait: func(context.Context) error { return nil },
		Revoked: func(_ context.Context, ids []int32) {
			if w.calls != nil {
				<-w.calls
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.revoked = append(w.revoked, ids...)
		},
		Lost: func(ids []int32) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lost = append(w.lost, ids...)
		}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.water.Close)
	return w
}

func (w *worker) has(id int32, values ...string) func() bool {
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Equal(slices.DeleteFunc(slices.Clone(w.read[id]), func(v string) bool { return v == "" }), values) // "": a barrier
	}
}

// The topic up to the commit is the table, and what is beyond is read.
func TestAWatermarkRestoresFromItsTopicAndReadsFromItsCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "claims")
	b.put("claims", 0, "a", "b", "c")
	first := b.worker("claims")
	stop := b.start(first.water.Run)
	b.eventually("read", first.has(0, "a", "b", "c"))
	b.eventually("both are owned", first.owns(2))
	ctx := context.WithoutCancel(t.Context())
	if ok := first.water.Commit(ctx, map[int32]int64{0: 2, 1: 0}); !ok[0] || !ok[1] {
		t.Fatalf("committed: %v", ok)
	}
	stop()
	if slices.Sort(first.revoked); !slices.Equal(first.revoked, []int32{0, 1}) || len(first.lost) > 0 {
		t.Errorf("given up in good order: %v, lost: %v; want both, and none", first.revoked, first.lost)
	}
	if ok := first.water.Commit(ctx, map[int32]int64{0: 3}); ok[0] {
		t.Error("a commit of who has left succeeded")
	}
	second := b.worker("claims")
	b.start(second.water.Run)
	b.eventually("read on", second.has(0, "c"))
	b.eventually("both are owned again", second.owns(2))
	if second.from[0] != 2 || !slices.Equal(second.values[0], []string{"a", "b", "c"}) || second.owned[0] < 3 {
		t.Errorf("restored %v from commit %d up to %d, want all three, 2, and their end", second.values[0], second.from[0], second.owned[0])
	}
}

// A call may be answered after the session has failed: what is to be said again is written all the same.
func TestWhatIsWrittenOutlivesTheGroupsMember(t *testing.T) {
	t.Parallel()
	b := newBench(t, "claims")
	w := b.worker("claims")
	stop := b.start(w.water.Run)
	b.eventually("owned", w.owns(2))
	stop()
	key := []byte("again")
	w.water.Write("claims", 1, key, key)
	key[0] = 'x'
	w.water.Close()
	client := b.newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"claims": {1: kgo.NewOffset().AtStart()}}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for found := false; !found; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatal("it was not written")
		}
		fetches.EachRecord(func(r *kgo.Record) { found = found || string(r.Key) == "again" && string(r.Value) == "again" })
	}
}

// franz-go joins again under another id, and is given the same partitions: another instance may have had them in between.
func TestAMemberThatWasPutOutDoesNotCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "claims")
	b.put("claims", 0, "a")
	w := b.worker("claims")
	b.start(w.water.Run)
	b.eventually("read", w.has(0, "a"))
	b.eventually("committed", func() bool { return w.water.Commit(t.Context(), map[int32]int64{0: 1})[0] })
	info := b.cluster.GroupInfo("group")
	leave := leaveRequest("group", info.Members[0].MemberID)
	if _, err := leave.RequestWith(t.Context(), b.client); err != nil {
		t.Fatal(err)
	}
	if w.water.Commit(t.Context(), map[int32]int64{0: 1})[0] {
		t.Error("it committed, and the group does not know it")
	}
	b.eventually("it gives up what it has", func() bool {
		w.water.Commit(t.Context(), map[int32]int64{0: 1})
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.revoked)+len(w.lost) == 2
	})
	b.eventually("it owns them again", func() bool { return w.water.Commit(t.Context(), map[int32]int64{0: 1})[0] })
}

func leaveRequest(group, member string) *kmsg.LeaveGroupRequest {
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group = group
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	r.Members = append(r.Members, m)
	return r
}

// Another instance joins while this one ends and waits for its calls (truth seed 9606463).
func TestARebalanceWhileAMemberEndsGivesNothingAwayBeforeItsCallsHaveEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "claims")
	first := b.worker("claims")
	first.calls = make(chan struct{})
	stop := b.start(first.water.Run)
	b.eventually("both are owned", first.owns(2))
	ended := make(chan struct{})
	go func() { defer close(ended); stop() }()
	second := b.worker("claims")
	b.start(second.water.Run)
	b.eventually("the group has both members", func() bool {
		info := b.cluster.GroupInfo("group")
		return info != nil && len(info.Members) == 2
	})
	<-time.After(3 * time.Second)
	if second.owns(1)() {
		t.Error("a partition has another owner while calls of this one are under way")
	}
	close(first.calls)
	<-ended
	b.eventually("both have another owner", second.owns(2))
}
