package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// latency is how long the slow TikTok takes to answer, callsInFlight what the daemon has under way by default.
const (
	latency       = 100 * time.Millisecond
	callsInFlight = 8
)

// tiktok takes every call, a while after it came, and says how it went, or forgets it, when asked.
type tiktok struct {
	wait time.Duration

	mu    sync.Mutex
	first time.Time
	took  time.Duration // from the first call's arrival to the last one's answer
}

// listen serves it and returns its address.
func (t *tiktok) listen() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(listener, t)
	return "http://" + listener.Addr().String(), nil
}

func (t *tiktok) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/took" {
		t.mu.Lock()
		defer t.mu.Unlock()
		json.NewEncoder(w).Encode(t.took)
		return
	}
	if r.URL.Path == "/reset" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.took, t.first = 0, time.Time{}
		return
	}
	now := time.Now()
	t.arrived(now)
	io.Copy(io.Discard, r.Body)
	if left := t.wait - time.Since(now); left > 0 {
		<-time.After(left)
	}
	t.answered(time.Now())
	io.WriteString(w, `{"code":0,"message":"OK","request_id":"bench","data":{}}`)
}

func (t *tiktok) arrived(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		t.first = now
	}
}

func (t *tiktok) answered(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = now.Sub(t.first)
}

// tookBy asks a tiktok in another process.
func tookBy(address string) (took time.Duration, err error) {
	response, err := http.Get(address + "/took")
	if err != nil {
		return 0, fmt.Errorf("read how long TikTok's stand-in was called: %w", err)
	}
	defer response.Body.Close()
	return took, json.NewDecoder(response.Body).Decode(&took)
}
