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
	tally tally
}

// tally is how long it was from the first call's arrival to the last one's answer.
type tally struct{ Took time.Duration }

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
	if r.URL.Path == "/tally" {
		t.mu.Lock()
		defer t.mu.Unlock()
		json.NewEncoder(w).Encode(t.tally)
		return
	}
	if r.URL.Path == "/reset" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tally, t.first = tally{}, time.Time{}
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
	t.tally.Took = now.Sub(t.first)
}

// talliedBy asks a tiktok in another process.
func talliedBy(address string) (t tally, err error) {
	response, err := http.Get(address + "/tally")
	if err != nil {
		return t, fmt.Errorf("read the slow TikTok's tally: %w", err)
	}
	defer response.Body.Close()
	return t, json.NewDecoder(response.Body).Decode(&t)
}
