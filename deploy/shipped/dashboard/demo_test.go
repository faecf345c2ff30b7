package dashboard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	scrapeEvery = 500 * time.Millisecond
	rulesEvery  = 5 * time.Second
	afterReport = 8 * time.Second // it goes on without new rows
)

// watched is what Prometheus knows of a demo.
type watched struct {
	db         *tsdb.DB
	engine     *promql.Engine
	start, end time.Time
}

// output is what a process wrote; it is read while the process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Contains(o.text.String(), text)
}

// watchTheDemo runs it, scrapes it as Prometheus would, and evaluates the shipped rules meanwhile.
func watchTheDemo(t *testing.T) *watched {
	t.Helper()
	address := startDemo(t)
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &watched{db: db, engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true})}
	groups := w.rules(t)
	w.start = time.Now()
	last := time.Time{} // when the report was seen
	for next := w.start; last.IsZero() || time.Since(last) < afterReport; next = next.Add(scrapeEvery) {
		time.Sleep(time.Until(next))
		w.scrape(t, address.host, next)
		if next.Sub(w.start)%rulesEvery == 0 {
			for _, g := range groups {
				g.Eval(t.Context(), next)
			}
		}
		if last.IsZero() && address.out.has("The check:") {
			last = time.Now()
		}
		if time.Since(w.start) > 5*time.Minute {
			t.Fatalf("no report of the demo after five minutes:\n%s", address.out.text.String())
		}
		w.end = next
	}
	return w
}

type demo struct {
	host string
	out  *output
}

func startDemo(t *testing.T) demo {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tokrelay")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/tokrelay")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := demo{host: free.Addr().String(), out: new(output)}
	free.Close()
	ctx, stop := context.WithCancel(context.Background())
	run := exec.CommandContext(ctx, binary, "demo", "--serve", "--listen", d.host)
	run.Stdout, run.Stderr = d.out, d.out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = run.Wait() })
	for range 300 {
		if r, err := http.Get("http://" + d.host + "/livez"); err == nil {
			r.Body.Close()
			return d
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the demo does not answer:\n%s", d.out.text.String())
	return d
}

func (w *watched) rules(t *testing.T) map[string]*rules.Group {
	t.Helper()
	query := rules.EngineQueryFunc(w.engine, w.db)
	m := rules.NewManager(&rules.ManagerOptions{
		ExternalURL: &url.URL{}, QueryFunc: query, NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Context: t.Context(), Appendable: w.db, Queryable: w.db, Logger: slog.New(slog.DiscardHandler),
	})
	groups, errs := m.LoadGroups(rulesEvery, labels.EmptyLabels(), "", nil, false, "../../prometheus/rules.yml")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return groups
}

// scrape appends what /metrics says, with the labels that Prometheus gives a target.
func (w *watched) scrape(t *testing.T, host string, at time.Time) {
	t.Helper()
	answer, err := http.Get("http://" + host + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	app := w.db.Appender(t.Context())
	add := func(l labels.Labels, v float64) {
		b := labels.NewBuilder(l)
		b.Set("job", "tokrelay").Set("instance", "demo")
		if _, err := app.Append(0, b.Labels(), at.UnixMilli(), v); err != nil && !errors.Is(err, storage.ErrDuplicateSampleForTimestamp) {
			t.Fatal(err)
		}
	}
	add(labels.FromStrings(labels.MetricName, "up"), 1)
	p := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry == textparse.EntrySeries {
			var l labels.Labels
			p.Labels(&l)
			_, _, v := p.Series()
			add(l, v)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

const points = 48 // of a curve

func (w *watched) ask(t *testing.T, expr string) (promql.Matrix, error) {
	t.Helper()
	step := w.end.Sub(w.start) / points
	q, err := w.engine.NewRangeQuery(t.Context(), w.db, nil, expr, w.start, w.end, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(t.Context())
	if result.Err != nil {
		return nil, result.Err
	}
	matrix, err := result.Matrix()
	if err != nil {
		return nil, err
	}
	copied := make(promql.Matrix, len(matrix)) // Close takes the points back
	for i, s := range matrix {
		copied[i] = promql.Series{Metric: s.Metric, Floats: append([]promql.FPoint(nil), s.Floats...)}
	}
	return copied, nil
}
