package tiktok

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestConnectionsAreGivenUpWhenTheyAreOldAndCallsOnThemEndWell(t *testing.T) {
	var made, ended atomic.Int32
	release := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-release
		}
		_, _ = w.Write([]byte("ok"))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			made.Add(1)
		case http.StateClosed:
			ended.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	r := &renewed{age: 200 * time.Millisecond, transport: &http.Transport{}, until: time.Now().Add(200 * time.Millisecond)}
	get := func(path string) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+path, nil)
		answer, err := r.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "ok" {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
		answer.Body.Close()
	}
	var long sync.WaitGroup
	long.Go(func() { get("/long") })
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(5 * time.Millisecond) {
		get("/") // never idle for long: nothing else would close its connection
	}
	close(release)
	long.Wait()
	if n := made.Load(); n < 4 || n > 12 {
		t.Errorf("calls of a second took %d connections of 0.2 s, want about 6", n)
	}
	if left := made.Load() - ended.Load(); left > 2 {
		t.Errorf("%d old connections are still open", left)
	}
}
