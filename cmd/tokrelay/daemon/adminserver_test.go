package daemon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// serve answers on a listener of its own, in the test's time, until the test is over.
func serve(t *testing.T, server *http.Server) (dial func() net.Conn) {
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(pipes) })
	t.Cleanup(func() { server.Close(); serving.Wait() })
	return func() net.Conn {
		mine, its := net.Pipe()
		pipes.conns <- its
		return mine
	}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// closedAfter is how long the other side keeps a connection that reads and says nothing more.
func closedAfter(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	_, err := io.Copy(io.Discard, c)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	return time.Since(began)
}

func TestAClientThatSaysNothingOrStopsIsLetGo(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	for name, c := range map[string]struct {
		says string
		want time.Duration
	}{
		"nothing":          {"", headerWithin},
		"half a header":    {"GET / HTTP/1.1\r\nHost: loc", headerWithin},
		"half a body":      {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf", bodyWithin},
		"a request":        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", idleFor},
		"two, then leaves": {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", idleFor},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := serve(t, newAdminServer(echo, slog.New(slog.DiscardHandler)))()
				var saying sync.WaitGroup
				saying.Go(func() { _, _ = io.WriteString(conn, c.says) })
				if got := closedAfter(t, conn); got < c.want || got > c.want+time.Second {
					t.Errorf("closed after %v, want %v", got, c.want)
				}
				saying.Wait()
			})
		})
	}
}

func TestAClientThatTakesNoAnswerIsLetGoAndOneThatTakesItSlowlyIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Int32
		drip := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				time.Sleep(20 * time.Second) // 200 s in all: longer than any of the server's times
				if _, err := w.Write(bytes.Repeat([]byte("x"), 16<<10)); err != nil || r.Context().Err() != nil {
					failed.Add(1)
					return
				}
			}
		})
		dial := serve(t, newAdminServer(drip, slog.New(slog.DiscardHandler)))
		taking, stuck := dial(), dial()
		for _, c := range []net.Conn{taking, stuck} {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := http.ReadResponse(bufio.NewReader(taking), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, answer.Body); n != 160<<10 || err != nil {
			t.Errorf("who takes it slowly got %d bytes and %v", n, err)
		}
		synctest.Wait()
		if failed.Load() != 1 {
			t.Errorf("%d answers were given up, want that of the one who takes nothing", failed.Load())
		}
	})
}

func TestFourHundredIdleClientsKeepNobodyOut(t *testing.T) {
	var open atomic.Int32
	server := newAdminServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }), slog.New(slog.DiscardHandler))
	counted := server.ConnState
	server.ConnState = func(c net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
		counted(c, s)
	}
	synctest.Test(t, func(t *testing.T) {
		dial := serve(t, server)
		for i := range 400 {
			c := dial()
			if i%2 == 0 { // every other asks once, and stays
				if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Fatalf("probe %d: %v", i, err)
				}
			}
		}
		synctest.Wait()
		if got := open.Load(); got > mostConnections {
			t.Errorf("%d connections are open, want %d at most", got, mostConnections)
		}
	})
}

func TestWhatTheServerSaysIsInTheLogWithItsLevel(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	server := newAdminServer(nil, log)
	server.ErrorLog.Print("http: TLS handshake error from 10.0.0.1:4711: EOF")
	if out.Len() > 0 {
		t.Errorf("a probe of the port is told: %s", &out)
	}
	server.ErrorLog.Print("http: panic serving 10.0.0.1:4711: bad\ngoroutine 1")
	if got := out.String(); !strings.Contains(got, `"level":"WARN","msg":"admin address: http: panic serving 10.0.0.1:4711: bad","stack":"goroutine 1`) {
		t.Errorf("got %s", got)
	}
}

// A registry that counts who asks it.
func TestManyProbesAskTheRegistryOnceASecond(t *testing.T) {
	var asked atomic.Int32
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("[]"))
	}))
	defer registry.Close()
	d := idleDaemon(t, registry.URL)
	began := time.Now()
	var probing sync.WaitGroup
	for range 8 {
		probing.Go(func() {
			for range 250 {
				w := httptest.NewRecorder()
				d.ready(w, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
			}
		})
	}
	probing.Wait()
	if most := int32(time.Since(began)/time.Second) + 2; asked.Load() > most {
		t.Errorf("2000 probes asked the registry %d times, want %d at most", asked.Load(), most)
	}
}

// A rollout waits for pods that are ready: one that corrects the registry's address has to get on without it.
func TestAnInstanceIsReadyWithoutItsRegistry(t *testing.T) {
	d := idleDaemon(t, "http://127.0.0.1:1") // nothing listens there
	w := httptest.NewRecorder()
	d.ready(w, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz?verbose", nil))
	if got := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(got, "schema registry: held up: ") {
		t.Errorf("got %d: %s", w.Code, got)
	}
}

func idleDaemon(t *testing.T, registry string) *Daemon {
	t.Helper()
	c, report := Parse([]byte(strings.Replace(strings.Replace(aroundSync, "localhost:9092", kfake.MustCluster(kfake.NumBrokers(1)).ListenAddrs()[0], 1), "http://localhost:8081", registry, 1)+`
  - {name: a, topic: a, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
      fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Wiring.Close)
	return d
}

func TestTheTextsOfReadinessAreForThoseWhoMayLogIn(t *testing.T) {
	d := &Daemon{Wiring: &Wiring{Config: &Config{Admin: Admin{TokenFile: secretFile(t, "t0ken")}}, Log: slog.New(slog.DiscardHandler)}}
	d.checked.last = []Check{{Name: "kafka", Err: errors.New("dial broker-7.internal")}, {Name: "sync a", Held: "held up: pixel C42 is gone"}, {Name: "sync b"}}
	probe := func(token string) string {
		d.checked.at = time.Now()
		r := httptest.NewRequestWithContext(context.Background(), "GET", "/readyz?verbose", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		d.Wiring.Config.Admin.guard(http.HandlerFunc(d.ready), false, d.Wiring.Log).ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("answered %d, want 503", w.Code)
		}
		return w.Body.String()
	}
	if got := probe("wrong"); strings.Contains(got, "broker-7") || strings.Contains(got, "C42") || !strings.Contains(got, "kafka: not ready") || !strings.Contains(got, "sync a: held up") || !strings.Contains(got, "sync b: ok") {
		t.Errorf("a stranger is told %s", got)
	}
	if got := probe("t0ken"); !strings.Contains(got, "broker-7") || !strings.Contains(got, "C42") {
		t.Errorf("the operator is told %s", got)
	}
}
