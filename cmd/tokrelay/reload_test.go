package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedText is what a command writes while the test reads it.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}
func (l *lockedText) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

const reloaded = `
kafka: {brokers: ["127.0.0.1:1"]}
connections: {main: {access_token: t, limits: {events: 100}}}
admin: {listen: "127.0.0.1:0"}
log_level: info
syncs:
  - {name: a, topic: a, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, currency_file: FILE, fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}}
`

// A hang-up that nothing listens to would end this very process.
func TestAHangupReadsTheConfigurationAgainAndEndsNothing(t *testing.T) {
	currencies := write(t, "date: 2026-10-01\nUSD")
	text := strings.Replace(reloaded, "FILE", currencies, 1)
	path := write(t, text)
	var log lockedText
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	root := command()
	root.SetArgs([]string{"run", "-c", path})
	root.SetErr(&log)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	says := func(want string) {
		t.Helper()
		for began := time.Now(); !strings.Contains(log.String(), want); time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("the log does not say %s:\n%s", want, &log)
			}
		}
	}
	hangUp := func(config string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	says(`"msg":"started"`)
	hangUp(strings.NewReplacer("events: 100", "events: 50", "name: a", "name: b", "log_level: info", "log_level: debug").Replace(text))
	says(`"counts_from_next_start":"sync a, sync b"`)
	hangUp("kafka: {borkers: []}")
	says(`the configuration is not taken over`)
	if err := os.WriteFile(currencies, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(text)
	says("currency file") // it is part of the configuration
	hangUp(strings.Replace(text, "currency_file: "+currencies+",", "", 1))
	says(`a part of the configuration is not taken over`)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
}
