package debugger

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// runInstance runs a whole daemon on the broker until stop, or the end of the test.
func runInstance(t *testing.T, cluster *kfake.Cluster, name string) (p *Page, stop func()) {
	t.Helper()
	text := strings.Replace(quietConfig, "127.0.0.1:1", cluster.ListenAddrs()[0], 1) + "calls: {topic: tokrelay.calls}\n"
	text = strings.Replace(text, "topic: orders", "topic: orders\n    format: flat", 1)
	c, report := daemon.Parse([]byte(text), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	c.Shutdown.Drain = settings.Duration(200 * time.Millisecond) // rows stay: nobody waits for them
	pages := make(chan *Page, 1)
	d, err := daemon.New(c, daemon.Options{Log: slog.New(slog.DiscardHandler), Instance: name,
		Page: func(d *daemon.Daemon) http.Handler { p := New(d).(*Page); pages <- p; return p }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, daemon.ErrUndrained) { // there is no registry: rows stay
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return <-pages, stop
}

func ordersBroker(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// madeCall is a call of one item that TikTok took.
func madeCall(eventID, user string) pipeline.Call {
	return pipeline.Call{Time: time.Now(), Sync: "orders", Endpoint: "/event/track/", Items: 1, Attempt: 1, Batch: "b-" + eventID,
		Request: []byte(`{"data":[{"event_id":"` + eventID + `","user":{` + user + `,"ip":"203.0.113.7"}}]}`),
		Answer:  pipeline.Answer{HTTPStatus: 200, RequestID: "r-" + eventID, Body: []byte(`{"code":0}`)},
		Rows:    []pipeline.Position{{Topic: "orders", Partition: 0, Offset: 7, EventID: eventID}}}
}

func shown(p *Page, method, path string, form url.Values) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// until asks for a page until it shows the text: what others wrote arrives when it arrives.
func until(t *testing.T, p *Page, path, text string) string {
	t.Helper()
	var html string
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		if _, html = shown(p, "GET", path, nil); strings.Contains(html, text) {
			return html
		}
	}
	t.Fatalf("%s does not show %q: %s", path, text, html)
	return ""
}

func TestThePageOfAnyInstanceShowsTheCallsOfAllAndOfThePast(t *testing.T) {
	t.Parallel()
	cluster := ordersBroker(t)
	a, stopA := runInstance(t, cluster, "instance-a")
	b, _ := runInstance(t, cluster, "instance-b")
	digest := strings.Repeat("c0ffee11", 8)
	a.d.Wiring.Calls.Add(madeCall("from-a", `"email":"`+digest+`"`))
	b.d.Wiring.Calls.Add(madeCall("from-b", `"email":"`+digest+`"`))
	html := until(t, b, "/calls", "instance-a")
	if n := strings.Count(html, "<tr data-key"); n != 2 {
		t.Errorf("%d calls are listed, want its own once, from memory, and the other's", n)
	}
	open := regexp.MustCompile(`href="(/calls/\d+-\d+)"`).FindStringSubmatch(html)
	if open == nil {
		t.Fatalf("no address of the other's call: %s", html)
	}
	if _, html := shown(b, "GET", open[1], nil); !strings.Contains(html, digest) || !strings.Contains(html, "orders/0/7") || strings.Contains(html, "203.0.113") {
		t.Errorf("the other's call is not shown whole and masked: %s", html)
	}
	stopA()
	again, _ := runInstance(t, cluster, "instance-a")
	until(t, again, "/calls", open[1])
	if code, _ := shown(again, "GET", "/calls/0-999", nil); code != http.StatusNotFound {
		t.Errorf("a call beyond the end is answered %d, want 404", code)
	}
}
