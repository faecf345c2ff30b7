package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func named(event, id string) string { return ev("event", `"`+event+`"`, "event_id", `"`+id+`"`) }

func TestEventsAreDeduplicatedBySourceNameAndID(t *testing.T) {
	other := "COTHERPIXEL000000000"
	cfg := quiet()
	cfg.Sources = []Source{{ID: DefaultPixel, Advertiser: DefaultAdvertiser}, {ID: other, Advertiser: DefaultAdvertiser}}
	cases := []struct {
		name       string
		bodies     []string
		merge      bool
		want       int
		duplicates int64
	}{
		{"the same call twice", []string{web(named("Purchase", "1")), web(named("Purchase", "1"))}, false, 1, 1},
		{"twice in one batch", []string{web(named("Purchase", "1"), named("Purchase", "1"))}, false, 1, 1},
		{"another id", []string{web(named("Purchase", "1"), named("Purchase", "2"))}, false, 2, 0},
		{"another name", []string{web(named("Purchase", "1"), named("Search", "1"))}, false, 2, 0},
		{"another pixel", []string{web(named("Purchase", "1")), strings.ReplaceAll(web(named("Purchase", "1")), DefaultPixel, other)}, false, 2, 0},
		{"without id", []string{web(ev("event_id", ""), ev("event_id", "")), web(ev("event_id", ""))}, false, 3, 0},
		{"an empty id", []string{web(named("Purchase", ""), named("Purchase", ""))}, false, 2, 0},
		{"a renamed event", []string{web(named("Purchase", "1"), named("CompletePayment", "1"))}, false, 2, 0},
		{"a renamed event, merged", []string{web(named("Purchase", "1"), named("CompletePayment", "1"))}, true, 1, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := cfg
			cfg.MergeRenamed = c.merge
			s := New(cfg)
			for _, b := range c.bodies {
				post(t, s, "/event/track/", b).want(t, 0)
			}
			if got := s.Stats().Events; len(s.Events()) != c.want || got.Accepted != int64(c.want) || got.Duplicates != c.duplicates {
				t.Errorf("got %d events and %+v, want %d and %d duplicates", len(s.Events()), got, c.want, c.duplicates)
			}
		})
	}
}

func TestTheWindowIsFortyEightHoursFromTheFirstArrival(t *testing.T) {
	cases := []struct {
		name     string
		arrivals []time.Duration
		want     int
	}{
		{"just inside", []time.Duration{0, 48*time.Hour - time.Second}, 1},
		{"at its end", []time.Duration{0, 48 * time.Hour}, 2},
		{"duplicates do not prolong it", []time.Duration{0, 47 * time.Hour, 48 * time.Hour}, 2},
		{"a later copy starts a new one", []time.Duration{0, 48 * time.Hour, 95 * time.Hour}, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			var last time.Duration
			for _, d := range c.arrivals {
				s.Advance(d - last)
				last = d
				post(t, s, "/event/track/", web(named("Purchase", "1"))).want(t, 0)
			}
			if got := s.Events(); len(got) != c.want || !got[0].Arrived.Equal(epoch) {
				t.Errorf("got %+v, want %d events, the first from %s", got, c.want, epoch)
			}
		})
	}
}

func TestAnEventIsRecordedAsItCame(t *testing.T) {
	s := New(quiet())
	event := named("CompletePayment", "ord-1")
	post(t, s, "/event/track/", web(event)).want(t, 0)
	got := s.Events()[0]
	want := Event{Source: DefaultPixel, Event: "CompletePayment", Reported: "Purchase", ID: "ord-1", Arrived: epoch}
	if string(got.Body) != event {
		t.Errorf("got body %s, want %s", got.Body, event)
	}
	got.Body = nil
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := s.Stats().Events.ByName["Purchase"]; n != 1 {
		t.Errorf("got %d counted as Purchase, want 1", n)
	}
}

func TestTestEventsAreShownAndNotCounted(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", strings.Replace(web(named("Purchase", "1")), "{", `{"test_event_code":"TEST1",`, 1)).want(t, 0)
	post(t, s, "/event/track/", web(named("Purchase", "1"))).want(t, 0)
	if got := s.Stats().Events; got.Tests != 1 || got.Accepted != 1 || got.Duplicates != 0 || len(s.TestEvents()) != 1 {
		t.Errorf("got %+v and %d tests, want one test and one event", got, len(s.TestEvents()))
	}
}

func TestTheDigestIsTheSumOfTheKeys(t *testing.T) {
	s := New(quiet())
	var high, low uint64
	for i := range 50 {
		id := fmt.Sprintf("id-%d", i)
		post(t, s, "/event/track/", web(named("Purchase", id), named("Purchase", id)))
		sum := sha256.Sum256([]byte(DefaultPixel + "\x00Purchase\x00" + id))
		high += binary.BigEndian.Uint64(sum[:8])
		low += binary.BigEndian.Uint64(sum[8:16])
	}
	if got, want := s.Stats().Events.Digest, fmt.Sprintf("%016x%016x", high, low); got != want {
		t.Errorf("got digest %s, want %s", got, want)
	}
}

func TestMemoryIsBoundedByTheConfiguration(t *testing.T) {
	cfg := quiet()
	cfg.KeepEvents, cfg.KeepBodies, cfg.KeepCalls, cfg.KeepCallBodies = 3, 2, 4, 1
	s := New(cfg)
	for i := range 6 {
		post(t, s, "/event/track/", web(named("Purchase", fmt.Sprint(i)))).want(t, 0)
	}
	post(t, s, "/event/track/", web(named("Purchase", "5"))).want(t, 0)
	events, calls, stats := s.Events(), s.Calls(), s.Stats().Events
	if len(events) != 3 || events[0].Body != nil || events[1].Body == nil || events[2].Body == nil {
		t.Errorf("got events %+v, want 3 of which the last 2 have bodies", events)
	}
	if stats.Accepted != 6 || stats.Duplicates != 1 || stats.Recorded != 3 {
		t.Errorf("got %+v, want 6 accepted, 1 duplicate, 3 recorded", stats)
	}
	if len(calls) != 4 || calls[2].Body != nil || calls[3].Body == nil || calls[3].Rows != 1 {
		t.Errorf("got calls %+v, want the newest 4, the last with its body", calls)
	}
	if a, b := calls[0].RequestID, calls[3].RequestID; a >= b {
		t.Errorf("got request ids %s, %s, want them in order", a, b)
	}
}

func TestOldKeysAreForgottenWhenThereAreMany(t *testing.T) {
	l := newLedger(Config{KeepEvents: -1}.withDefaults())
	l.sweep = 10
	fill := func(now time.Time, prefix string) {
		for i := range 20 {
			l.arrive(now, []arrival{{source: "p", event: []byte("Purchase"), id: fmt.Append(nil, prefix, i)}}, false)
		}
	}
	fill(epoch, "old")
	l.sweep = 25
	fill(epoch.Add(dedupeWindow), "new")
	if len(l.seen) != 20 || l.counts.Accepted != 40 {
		t.Errorf("got %d keys of %d events, want the 20 keys of the last 48 hours", len(l.seen), l.counts.Accepted)
	}
}

func TestConcurrentCallsCountEachEventOnce(t *testing.T) {
	s := New(quiet())
	var calls sync.WaitGroup
	for worker := range 8 {
		calls.Go(func() {
			for i := range 20 {
				post(t, s, "/event/track/", web(named("Purchase", fmt.Sprint(i)), named("Purchase", fmt.Sprint(worker, "-", i))))
				_, _, _ = s.Stats(), s.Events(), s.Calls()
			}
		})
	}
	calls.Wait()
	if got := s.Stats().Events; got.Accepted != 20+160 || got.Duplicates != 140 {
		t.Errorf("got %+v, want 180 accepted and 140 duplicates", got)
	}
	if e := s.Stats().Endpoints["/event/track/"]; e.InFlight != 0 || e.Calls != 160 {
		t.Errorf("got %+v, want 160 calls and none in flight", e)
	}
}
