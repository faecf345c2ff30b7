package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func codes(t *testing.T, s *Sandbox, n int) []int {
	t.Helper()
	var got []int
	for range n {
		got = append(got, post(t, s, "/event/track/", web(purchase("e"))).Code)
	}
	return got
}

func TestAFaultStrikesTheCallsItNames(t *testing.T) {
	cases := []struct {
		name  string
		fault Fault
		want  []int
	}{
		{"every call until removed", Fault{Code: 50000}, []int{50000, 50000, 50000, 50000}},
		{"the next two", Fault{Code: 50000, Count: 2}, []int{50000, 50000, 0, 0}},
		{"after one", Fault{Code: 50000, Skip: 1, Count: 1}, []int{0, 50000, 0, 0}},
		{"each second", Fault{Code: 50000, Every: 2}, []int{0, 50000, 0, 50000}},
		{"each second, once", Fault{Code: 50000, Every: 2, Count: 1}, []int{0, 50000, 0, 0}},
		{"another endpoint", Fault{Code: 50000, Endpoint: "/pixel/list/"}, []int{0, 0, 0, 0}},
		{"this endpoint", Fault{Code: 50000, Endpoint: "/event/track/"}, []int{50000, 50000, 50000, 50000}},
		{"after the effect", Fault{Code: 20001, Stage: AfterEffect}, []int{20001, 20001, 20001, 20001}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			s.AddFault(c.fault)
			got := codes(t, s, len(c.want))
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("got codes %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestARandomFaultIsTheSameForTheSameSeed(t *testing.T) {
	run := func(seed uint64) []int {
		s := New(quiet())
		s.AddFault(Fault{Code: 50000, Probability: 0.5, Seed: seed})
		return codes(t, s, 60)
	}
	first, again, other := run(7), run(7), run(8)
	struck, differs := 0, false
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("call %d: got %d, then %d with the same seed", i, first[i], again[i])
		}
		if first[i] != 0 {
			struck++
		}
		differs = differs || first[i] != other[i]
	}
	if struck < 15 || struck > 45 || !differs {
		t.Errorf("got %d of 60 calls struck (differs from another seed: %v), want about half", struck, differs)
	}
}

func TestAFaultBeforeTheEffectLeavesNothingAndOneAfterItEverything(t *testing.T) {
	for stage, want := range map[Stage]int64{BeforeEffect: 0, AfterEffect: 1} {
		s := New(quiet())
		s.AddFault(Fault{Code: 50002, Stage: stage})
		post(t, s, "/event/track/", web(purchase("e"))).want(t, 50002)
		if got := s.Stats().Events.Accepted; got != want {
			t.Errorf("stage %s: got %d events, want %d", stage, got, want)
		}
	}
}

func TestAPoisonRowRefusesItsWholeBatch(t *testing.T) {
	index := 2
	cases := []struct {
		name    string
		fault   Fault
		message string
	}{
		{"by id", Fault{ID: "bad-1", Code: 40002, Message: RowMessage}, "Invalid value for value: not a valid number."},
		{"by id with an index", Fault{ID: "bad-1", Code: 40002, Message: "Batch.{i}.event: wrong"}, "Batch.1.event: wrong"},
		{"by prefix without one", Fault{IDPrefix: "bad-", Code: 40002}, "Invalid parameters."},
		{"with a lying index", Fault{IDPrefix: "bad-", Code: 40002, Message: "Batch.{i}.event: wrong", RowIndex: &index}, "Batch.2.event: wrong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			s.AddFault(c.fault)
			got := post(t, s, "/event/track/", web(purchase("a"), purchase("bad-1"), purchase("c")))
			if got.Code != 40002 || got.Message != c.message {
				t.Errorf("got %s, want 40002 %q", got, c.message)
			}
			post(t, s, "/event/track/", web(purchase("a"), purchase("c"))).want(t, 0)
			if n := len(s.Events()); n != 2 {
				t.Errorf("got %d events, want the 2 good ones", n)
			}
		})
	}
}

func TestPoisonIsLookedForOnlyInCallsThatPassEveryCheck(t *testing.T) {
	s := New(quiet())
	s.AddFault(Fault{ID: "bad", Code: 40002})
	s.RevokeTokens()
	post(t, s, "/event/track/", web(purchase("bad"))).want(t, 40105)
	if got := s.Faults()[0]; got.Matched != 0 || got.Fired != 0 {
		t.Errorf("got %+v, want it untouched", got)
	}
}

func TestAFaultAnswersLikeAProxy(t *testing.T) {
	s := New(quiet())
	id := s.AddFault(Fault{HTTPStatus: 502})
	got := post(t, s, "/event/track/", web(purchase("e")))
	if got.Status != 502 || !strings.Contains(got.Raw, "<html>") {
		t.Errorf("got %s, want a page with HTTP 502", got)
	}
	if !s.RemoveFault(id) || s.RemoveFault(id) {
		t.Error("want the fault removed once")
	}
	post(t, s, "/event/track/", web(purchase("e"))).want(t, 0)
	if e := s.Stats().Endpoints["/event/track/"]; e.Unanswered != 1 || e.Codes[0] != 1 {
		t.Errorf("got %+v, want one unanswered and one good call", e)
	}
}

func TestATimeoutHoldsTheCallUntilTheClientGivesUp(t *testing.T) {
	for stage, want := range map[Stage]int{BeforeEffect: 0, AfterEffect: 1} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{Limits: NoLimits(), MaxEventAge: -1, MaxEventAhead: -1})
			s.AddFault(Fault{Timeout: true, Stage: stage, Count: 1})
			client := &http.Client{Transport: s.Transport(), Timeout: 30 * time.Second}
			start := time.Now()
			r, _ := http.NewRequest(http.MethodPost, "http://sandbox"+base+"/event/track/", strings.NewReader(web(purchase("e"))))
			r.Header.Set("Access-Token", DefaultToken)
			r.Header.Set("Content-Type", "application/json")
			_, err := client.Do(r)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
				t.Errorf("%s: got %v after %s, want a timeout after 30s", stage, err, time.Since(start))
			}
			if got := len(s.Events()); got != want {
				t.Errorf("%s: got %d events, want %d", stage, got, want)
			}
		})
	}
}

func TestADelaySlowsACallThatIsAnsweredAsUsual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Limits: NoLimits(), MaxEventAge: -1, MaxEventAhead: -1})
		s.AddFault(Fault{Delay: time.Second})
		s.AddFault(Fault{Delay: 2 * time.Second, Stage: AfterEffect})
		start := time.Now()
		post(t, s, "/event/track/", web(purchase("e"))).want(t, 0)
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("got an answer after %s, want 3s", got)
		}
	})
}

func TestAResetCutsARealConnection(t *testing.T) {
	s := New(quiet())
	s.AddFault(Fault{Reset: true, Count: 1, Stage: AfterEffect})
	server := httptest.NewServer(s)
	defer server.Close()
	call := func() error {
		r, _ := http.NewRequest(http.MethodPost, server.URL+base+"/event/track/", strings.NewReader(web(purchase("e"))))
		r.Header.Set("Access-Token", DefaultToken)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	if err := call(); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want a broken connection", err)
	}
	if err := call(); err != nil {
		t.Errorf("got %v, want the next call to pass", err)
	}
	if e := s.Stats().Events; e.Accepted != 1 || e.Duplicates != 1 {
		t.Errorf("got %+v, want the event counted once and its repetition dropped", e)
	}
}

func TestAResetBreaksATransportCall(t *testing.T) {
	s := New(quiet())
	s.AddFault(Fault{Reset: true})
	r, _ := http.NewRequest(http.MethodPost, "http://sandbox"+base+"/event/track/", strings.NewReader("{}"))
	if _, err := s.Transport().RoundTrip(r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want %v", err, syscall.ECONNRESET)
	}
}

func TestAFaultSurvivesJSON(t *testing.T) {
	index := 3
	want := Fault{"n", "/event/track/", AfterEffect, 1, 2, 3, 0.5, 9, "i", "p", time.Second, true, true, 502, "b", 40002, "m", &index}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Fault
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if *got.RowIndex != index {
		t.Errorf("got row %d, want %d", *got.RowIndex, index)
	}
	got.RowIndex = want.RowIndex
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, bad := range []string{`{"code":"x"}`, `{"stage":"during"}`, `{"delay":"soon"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s: got no error", bad)
		}
	}
}
