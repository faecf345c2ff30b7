package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Admin is where the page, the metrics and the probes are served.
type Admin struct {
	Listen string `yaml:"listen" default:"127.0.0.1:8080" doc:"Address of the page, /metrics, /livez and /readyz. Beyond loopback it demands credentials."`
	TLS    *struct {
		CertFile string `yaml:"cert_file" doc:"PEM file."`
		KeyFile  string `yaml:"key_file" doc:"PEM file."`
	} `yaml:"tls" doc:"Serve HTTPS."`
	Username     string `yaml:"username" doc:"Basic authentication."`
	PasswordFile string `yaml:"password_file" doc:"Its password, read again when it changes."`
	TokenFile    string `yaml:"token_file" doc:"Bearer token, read again when it changes."`
	Open         bool   `yaml:"open" doc:"Serve beyond loopback without credentials: behind a proxy that has its own."`
	Actions      bool   `yaml:"actions" doc:"Let the page do things: replay rejected rows, pause and resume syncs."`
	Profiling    bool   `yaml:"profiling" doc:"Serve /debug/pprof on loopback addresses. A profile may hold personal data."`
}

// Validate reports an address that must not be served.
func (a *Admin) Validate(at settings.Place) {
	host, _, err := net.SplitHostPort(a.Listen)
	if err != nil {
		at.Key("listen").Problem("must be host:port", "127.0.0.1:8080")
		return
	}
	if !loopback(host) && !a.Open && a.PasswordFile == "" && a.TokenFile == "" {
		at.Key("listen").Problem("needs credentials beyond loopback", "set username and password_file, or token_file, or open: true behind a proxy with its own")
	}
	if a.PasswordFile != "" && a.Username == "" {
		at.Key("username").Problem("required with password_file", "")
	}
	if a.Profiling && !loopback(host) {
		at.Key("profiling").Problem("must not be served beyond loopback", "a profile may hold personal data")
	}
	if a.TLS != nil && (a.TLS.CertFile == "" || a.TLS.KeyFile == "") {
		at.Key("tls").Problem("needs cert_file and key_file", "")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

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

// ready answers 200 when every check passes, else 503; ?verbose lists them.
func (d *Daemon) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	checks := d.Checks(ctx)
	status := http.StatusOK
	for _, c := range checks {
		if c.Err != nil {
			status = http.StatusServiceUnavailable
		}
	}
	w.WriteHeader(status)
	for _, c := range checks {
		if c.Err != nil || r.URL.Query().Has("verbose") {
			fmt.Fprintf(w, "%s: %s\n", c.Name, c.State())
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

// serveAdmin serves until ctx ends. The listener is opened by the caller, so that an address in use stops the start.
func (d *Daemon) serveAdmin(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	var err error
	if tls := d.Wiring.Config.Admin.TLS; tls != nil {
		err = server.ServeTLS(listener, tls.CertFile, tls.KeyFile)
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve admin address: %w", err)
}
