package debugger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"time"
)

const (
	patience = 10 * time.Second // a browser that does not take what it is sent for so long is gone
	heartbit = 15 * time.Second // a sign of life, so that proxies and browsers keep the connection
)

// follow sends the part of a page that moves as server-sent events: now, and whenever it has changed. Every browser has a
// goroutine of its own that looks at what others remember, so one that is slow or gone holds up no other.
func (p *Page) follow(w http.ResponseWriter, r *http.Request, name string, v view) {
	if !moves(name) {
		http.Error(w, "this page does not move", http.StatusNotAcceptable)
		return
	}
	select {
	case p.viewers <- struct{}{}:
		defer func() { <-p.viewers }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many follow already", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	f := &follower{page: p, name: name, view: v, out: w, control: http.NewResponseController(w)}
	f.run(r)
}

// follower is one browser that follows one page.
type follower struct {
	page    *Page
	name    string
	view    view
	out     http.ResponseWriter
	control *http.ResponseController
	sent    uint64 // digest of what it was sent last
	trouble *trouble
	at      time.Time
}

var seed = maphash.MakeSeed()

func (f *follower) run(r *http.Request) {
	tick := time.NewTicker(f.page.every)
	defer tick.Stop()
	for f.look(r) == nil && f.tell() == nil {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// look sends what has changed. Its error says that the browser is gone.
func (f *follower) look(r *http.Request) error {
	data, err := f.view(r)
	if err != nil {
		return f.quiet(r.Context())
	}
	var html bytes.Buffer
	if err := renderLive(&html, f.page.frame(f.name, data).seenBy(r)); err != nil {
		return err
	}
	digest := maphash.Bytes(seed, html.Bytes())
	if digest == f.sent {
		return f.quiet(r.Context())
	}
	f.sent = digest
	return f.send("live", html.Bytes())
}

// tell sends what the title and the icon tell: at first, and when it has changed.
func (f *follower) tell() error {
	now := f.page.trouble()
	if f.trouble != nil && now == *f.trouble {
		return nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	f.trouble = &now
	return f.send("trouble", text)
}

// quiet sends a sign of life when one is due.
func (f *follower) quiet(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if time.Since(f.at) < heartbit {
		return nil
	}
	return f.send("", nil)
}

func (f *follower) send(event string, data []byte) error {
	f.at = time.Now()
	if err := f.control.SetWriteDeadline(f.at.Add(patience)); err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	var b bytes.Buffer
	if event == "" {
		b.WriteString(": still here\n\n")
	} else {
		fmt.Fprintf(&b, "event: %s\n", event)
		for line := range bytes.Lines(data) {
			b.WriteString("data: ")
			b.Write(bytes.TrimRight(line, "\n"))
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	if _, err := f.out.Write(b.Bytes()); err != nil {
		return err
	}
	return f.control.Flush()
}
