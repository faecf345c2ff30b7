//go:build synctests

package laws

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
)

// callLog is what went between all members and TikTok's events endpoint, in its order. It knows texts alone.
type callLog struct {
	next http.RoundTripper

	mu       sync.Mutex
	now      int
	refused  map[string]int // by event id: when a call with it was first refused
	accepted []span         // calls that were accepted
}

// span is when a call was sent and when it was answered.
type span struct{ sent, answered int }

var (
	idIn      = regexp.MustCompile(`"event_id":"([^"]+)"`)
	isOK      = regexp.MustCompile(`"code":(0|20001)\b`)
	isRefusal = regexp.MustCompile(`"code":(40000|40002|40007|40011|40061)\b`)
)

func newCallLog(next http.RoundTripper) *callLog {
	return &callLog{next: next, refused: map[string]int{}}
}

func (l *callLog) tick() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	return l.now
}

func (l *callLog) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	began := l.tick()
	resp, err := l.next.RoundTrip(r)
	if err != nil || len(sent) == 0 {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
	l.note(sent, text, began)
	return resp, nil
}

// failing passes on how a body ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func (l *callLog) note(sent, text []byte, began int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	switch {
	case isOK.Match(text):
		l.accepted = append(l.accepted, span{began, l.now})
	case isRefusal.Match(text):
		for _, m := range idIn.FindAllSubmatch(sent, -1) {
			if id := string(m[1]); l.refused[id] == 0 {
				l.refused[id] = l.now
			}
		}
	}
}

// witnessed reports whether something was sent after the event's first refusal, and accepted by now.
func (l *callLog) witnessed(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.refused[id]
	for _, s := range l.accepted {
		if first > 0 && s.sent > first {
			return true
		}
	}
	return false
}

// blame holds a dead letter against the law that no row is blamed without a witness. All events go to one pixel.
func (w *watch) blame(l letter) {
	if l.reason != pipeline.RefusedByTikTok && l.reason != pipeline.BatchRefused {
		return
	}
	for at, f := range w.fates {
		if f.key == l.key && w.calls.witnessed(f.id) {
			return
		} else if f.key == l.key {
			w.t.Errorf("%+v: blamed (%s) although TikTok accepted nothing that was sent after its first refusal", at, l.reason)
			return
		}
	}
}
