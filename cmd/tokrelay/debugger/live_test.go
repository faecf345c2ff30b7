package debugger

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const quietConfig = `
kafka: {brokers: ["127.0.0.1:1"]}
schema_registry: {url: "http://127.0.0.1:1"}
connections: {main: {access_token: "t", advertiser_id: "7"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: orders
    topic: orders
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
`

// quietPage is the page of a daemon that does not run: nothing but the tests makes calls.
func quietPage(t testing.TB) *Page {
	t.Helper()
	c, report := daemon.Parse([]byte(quietConfig), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.New(c, daemon.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return New(d).(*Page)
}

// browser takes what it is sent until it stops reading; then writing to it lasts until the deadline.
type browser struct {
	header   http.Header
	sent     chan string
	stuck    bool
	deadline time.Time
}

func (b *browser) Header() http.Header                { return b.header }
func (b *browser) WriteHeader(int)                    {}
func (b *browser) Flush()                             {}
func (b *browser) SetWriteDeadline(t time.Time) error { b.deadline = t; return nil }

func (b *browser) Write(text []byte) (int, error) {
	if b.stuck {
		<-time.After(time.Until(b.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	b.sent <- string(text)
	return len(text), nil
}

func followRequest(path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept", "text/event-stream")
	return r
}

func TestAFollowerIsSentThePageAgainWhenItHasChangedAndOnlyThen(t *testing.T) {
	p := quietPage(t)
	synctest.Test(t, func(t *testing.T) {
		b := &browser{header: http.Header{}, sent: make(chan string, 100)}
		r := followRequest("/calls").WithContext(t.Context())
		go p.ServeHTTP(b, r)
		first := <-b.sent
		if !strings.HasPrefix(first, "event: live\n") || !strings.Contains(first, "No calls yet") {
			t.Errorf("first event: %s", first)
		}
		if title := <-b.sent; title != "event: trouble\ndata: {\"tone\":\"\",\"text\":\"\"}\n\n" {
			t.Errorf("second event: %s, want what the title tells", title)
		}
		<-time.After(5 * time.Second)
		if len(b.sent) > 0 {
			t.Errorf("nothing has changed, and it was sent: %s", <-b.sent)
		}
		p.d.Wiring.Calls.Add(pipeline.Call{Sync: "orders", Endpoint: "/event/track/", Items: 7, Time: time.Now()})
		if second := <-b.sent; !strings.Contains(second, "/event/track/") {
			t.Errorf("the call is not in the next event: %s", second)
		}
		if sign := <-b.sent; sign != ": still here\n\n" {
			t.Errorf("after a while of nothing it was sent %q, want a sign of life", sign)
		}
	})
}

func TestABrowserThatStopsReadingIsLetGoAndHoldsUpNobody(t *testing.T) {
	p := quietPage(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		gone := make(chan struct{})
		go func() {
			p.ServeHTTP(&browser{header: http.Header{}, stuck: true}, followRequest("/calls").WithContext(t.Context()))
			close(gone)
		}()
		synctest.Wait() // it is stuck in its first write
		for range 10_000 {
			p.d.Wiring.Calls.Add(pipeline.Call{Sync: "orders", Request: []byte("{}")})
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("remembering calls waited %v for the browser", took)
		}
		<-gone
		if took := time.Since(began); took > patience {
			t.Errorf("the browser was let go after %v, want %v", took, patience)
		}
		if len(p.viewers) != 0 {
			t.Errorf("%d places are still taken", len(p.viewers))
		}
	})
}

func TestMoreFollowersThanThereArePlacesAreTurnedAway(t *testing.T) {
	p := quietPage(t)
	for range mostViewers {
		p.viewers <- struct{}{}
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, followRequest("/"))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("one too many is answered %d, want 503 with Retry-After", w.Code)
	}
}

func TestAPageThatDoesNotMoveCannotBeFollowed(t *testing.T) {
	w := httptest.NewRecorder()
	quietPage(t).ServeHTTP(w, followRequest("/preview"))
	if w.Code != http.StatusNotAcceptable {
		t.Errorf("status %d, want 406", w.Code)
	}
}

func TestWithoutLeaveThePageDoesNothing(t *testing.T) {
	p := quietPage(t)
	for _, action := range []string{"/replay/plan", "/replay/run", "/replay/stop", "/syncs/orders/pause", "/syncs/orders/resume"} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest("POST", action, nil))
		if w.Code != http.StatusForbidden {
			t.Errorf("%s is answered %d, want 403", action, w.Code)
		}
	}
}
