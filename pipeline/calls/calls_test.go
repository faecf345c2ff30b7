package calls

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

func call(sync string, size int) pipeline.Call {
	return pipeline.Call{Sync: sync, Request: []byte(strings.Repeat("x", size))}
}

func asItIs(text string) string { return text }

func refused(sync string, size int) pipeline.Call {
	c := call(sync, size)
	c.Answer.Verdict = pipeline.Refused
	return c
}

func TestTheOldestCallsLoseTheirTextAndThenGo(t *testing.T) {
	l := New(Limits{Total: 10_000}, asItIs)
	for range 50 {
		l.Add(call("orders", 1000))
	}
	got := l.Last("orders", 100, nil)
	whole := l.Last("orders", 100, func(e *Entry) bool { return !e.Brief })
	if len(got) < len(whole)+2 || len(whole) < 4 || len(got) > 12 {
		t.Fatalf("%d calls of about 1.5 kB are remembered in 10 kB, %d of them whole", len(got), len(whole))
	}
	if got[0].Number != 50 || got[0].Brief {
		t.Errorf("newest call has number %d, brief %v; want 50, whole", got[0].Number, got[0].Brief)
	}
	if last := got[len(got)-1]; !last.Brief || last.Request != nil {
		t.Error("the oldest call is still whole")
	}
	if _, ok := l.Get(1); ok {
		t.Error("the first call is still remembered")
	}
}

func TestAnEntryThatSomebodyReadsDoesNotChange(t *testing.T) {
	l := New(Limits{Total: 5_000}, asItIs)
	l.Add(call("orders", 1000))
	read := l.Last("orders", 1, nil)[0]
	for range 20 {
		l.Add(call("orders", 1000))
	}
	if len(read.Request) != 1000 || read.Brief {
		t.Error("the entry lost its request under its reader")
	}
}

func TestWhoHasMostMakesRoom(t *testing.T) {
	l := New(Limits{Total: 20_000}, asItIs)
	l.Add(call("quiet", 1000))
	l.Add(refused("loud", 1000))
	for range 500 {
		l.Add(call("loud", 1000))
	}
	if got := l.Last("quiet", 10, nil); len(got) != 1 {
		t.Errorf("the quiet sync has %d calls, want its 1", len(got))
	}
	wrong := l.Last("loud", 10, func(e *Entry) bool { return !e.Good() })
	if len(wrong) != 1 {
		t.Errorf("%d refused calls are left after a flood of good ones, want 1", len(wrong))
	}
	if l.bytes > 20_000 {
		t.Errorf("%d bytes are held, the limit is 20000", l.bytes)
	}
}

func TestACallThatIsLargerThanTheMemoryIsStillShown(t *testing.T) {
	l := New(Limits{Total: 1000}, asItIs)
	l.Add(call("a", 10))
	l.Add(call("a", 5000))
	if got := l.Last("", 9, nil); len(got) != 1 || got[0].Number != 2 || len(got[0].Request) != 5000 {
		t.Errorf("remembered %d calls, want the newest alone and whole", len(got))
	}
}

func TestALongRequestIsCutAndSaysSo(t *testing.T) {
	l := New(Limits{Total: 12 << 20, MaxRequest: 10}, asItIs)
	l.Add(call("orders", 11))
	if e := l.Last("", 1, nil)[0]; len(e.Request) != 10 || !e.Cut {
		t.Errorf("request has %d bytes, cut %v; want 10, true", len(e.Request), e.Cut)
	}
}

func TestOfTooManyGoodCallsASecondOnlyFiguresAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{Total: 12 << 20, Rate: 10_000}, asItIs)
		for range 30 {
			l.Add(call("a", 1000))
		}
		l.Add(refused("a", 100_000))
		whole := func(e *Entry) bool { return !e.Brief }
		if n := len(l.Last("a", 99, whole)); n != 13+1 {
			t.Errorf("%d calls are whole, want the 13 good ones of two seconds' bytes and the refused one", n)
		}
		if e := l.Last("a", 99, func(e *Entry) bool { return e.Brief })[0]; e.Request != nil || e.Rows != nil {
			t.Error("a brief call holds its request or rows")
		}
		<-time.After(time.Second)
		l.Add(call("a", 1000))
		if e := l.Last("a", 1, nil)[0]; e.Brief {
			t.Error("a second later there is still no room for a good call")
		}
	})
}

func TestCallsOfAllSyncsComeNewestFirst(t *testing.T) {
	l := New(Limits{Total: 12 << 20}, asItIs)
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
	if l.number != 4 {
		t.Errorf("newest number is %d, want 4", l.number)
	}
}

func TestTheCallersMemoryMayBeUsedAgain(t *testing.T) {
	l := New(Limits{Total: 12 << 20}, asItIs)
	c := call("a", 3)
	l.Add(c)
	copy(c.Request, "yyy")
	if got := string(l.Last("a", 1, nil)[0].Request); got != "xxx" {
		t.Errorf("remembered request is %q", got)
	}
}

func TestWhatIsRememberedIsMasked(t *testing.T) {
	l := New(Limits{Total: 12 << 20}, func(string) string { return "scrubbed" })
	c := pipeline.Call{Sync: "a", Request: []byte(`{"data":[{"ip":"203.0.113.9","email":"ab"}]}`)}
	for body, want := range map[string]string{
		`{"message":"marked","request_id":"1"}`: `{"message":"scrubbed","request_id":"1"}`, "<html>marked": "scrubbed", "": ""} {
		c.Answer.Body = []byte(body)
		l.Add(c)
		e := l.Last("a", 1, nil)[0]
		if string(e.Request) != `{"data":[{"ip":"[masked]","email":"ab"}]}` || string(e.Answer.Body) != want {
			t.Errorf("remembered %s and %s", e.Request, e.Answer.Body)
		}
	}
}
