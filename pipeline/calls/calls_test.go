package calls

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func call(sync string, size int) pipeline.Call {
	return pipeline.Call{Sync: sync, Request: []byte(strings.Repeat("x", size))}
}

func TestTheOldestCallsGoFirstWhenTheMemoryIsFull(t *testing.T) {
	l := New(Limits{PerSync: 10_000})
	for range 50 {
		l.Add(call("orders", 1000))
	}
	got := l.Last("orders", 100, nil)
	if len(got) == 0 || len(got) > 9 {
		t.Fatalf("%d calls of about 1.5 kB are remembered in 10 kB", len(got))
	}
	if got[0].Number != 50 {
		t.Errorf("newest call has number %d, want 50", got[0].Number)
	}
	if _, ok := l.Get(1); ok {
		t.Error("the first call is still remembered")
	}
}

func TestALongRequestIsCutAndSaysSo(t *testing.T) {
	l := New(Limits{MaxRequest: 10})
	l.Add(call("orders", 11))
	if e := l.Last("", 1, nil)[0]; len(e.Request) != 10 || !e.Cut {
		t.Errorf("request has %d bytes, cut %v; want 10, true", len(e.Request), e.Cut)
	}
}

func TestCallsOfAllSyncsComeNewestFirst(t *testing.T) {
	l := New(Limits{})
	for _, sync := range []string{"a", "b", "a", "c"} {
		l.Add(call(sync, 1))
	}
	var got []string
	for _, e := range l.Last("", 3, nil) {
		got = append(got, e.Sync)
	}
	if fmt.Sprint(got) != "[c a b]" {
		t.Errorf("syncs of the last three calls: %v", got)
	}
}

func TestTheCallersMemoryMayBeUsedAgain(t *testing.T) {
	l := New(Limits{})
	c := call("a", 3)
	l.Add(c)
	copy(c.Request, "yyy")
	if got := string(l.Last("a", 1, nil)[0].Request); got != "xxx" {
		t.Errorf("remembered request is %q", got)
	}
}

func TestASlowListenerMissesCallsAndHoldsUpNobody(t *testing.T) {
	l := New(Limits{})
	heard, stop := l.Listen()
	for range 1000 {
		l.Add(call("a", 1))
	}
	stop()
	l.Add(call("a", 1))
	if len(heard) == 0 || len(heard) == 1000 {
		t.Errorf("listener has %d of 1000 calls waiting", len(heard))
	}
}
