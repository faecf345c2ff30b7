package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probes serves what orchestrators ask: /livez that the process runs, /readyz that it can work. Neither depends on
// TikTok: a restart does not repair it.
func (d *Daemon) probes(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", d.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.Wiring.Metrics, promhttp.HandlerOpts{Registry: d.Wiring.Metrics, EnableOpenMetrics: true}))
	if d.Wiring.Config.Admin.Profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
}

// ready answers 200 when every check passes, else 503; ?verbose lists them. What is wrong is for those who may see the page.
func (d *Daemon) ready(w http.ResponseWriter, r *http.Request) {
	checks := d.Checked(r.Context())
	status := http.StatusOK
	for _, c := range checks {
		if c.Err != nil {
			status = http.StatusServiceUnavailable
		}
	}
	w.WriteHeader(status)
	for _, c := range checks {
		state := c.State()
		if CallerOf(r.Context()).Stranger {
			state = c.brief()
		}
		if c.Err != nil || r.URL.Query().Has("verbose") {
			fmt.Fprintf(w, "%s: %s\n", c.Name, state)
		}
	}
	if status == http.StatusOK {
		fmt.Fprintln(w, "ok")
	}
}

// Check is one thing the daemon needs.
type Check struct {
	Name string
	Err  error
	Held string // what holds a sync up that is ready all the same: a restart, or another instance, would not help
}

// State is the check in a word or a sentence.
func (c Check) State() string {
	if c.Err != nil {
		return c.Err.Error()
	}
	return cmp.Or(c.Held, "ok")
}

// brief is State without its text, which names addresses, topics and what TikTok says.
func (c Check) brief() string {
	switch {
	case c.Err != nil:
		return "not ready; the text is for those who log in"
	case c.Held != "":
		return "held up; the text is for those who log in"
	}
	return "ok"
}

const (
	checkEvery  = time.Second
	checkWithin = 5 * time.Second
)

// checked are the last checks, which all share who ask within a second: however many probes there are, Kafka and the schema
// registry are asked once.
type checked struct {
	mu   sync.Mutex
	last []Check
	at   time.Time
}

// Checked is Checks, no older than a second.
func (d *Daemon) Checked(ctx context.Context) []Check {
	c := &d.checked
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || time.Since(c.at) >= checkEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkWithin) // others wait for it too
		defer cancel()
		c.last = d.Checks(ctx)
		c.at = time.Now()
	}
	return c.last
}
