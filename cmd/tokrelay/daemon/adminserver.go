package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerWithin    = 10 * time.Second
	bodyWithin      = 30 * time.Second
	writeWithin     = 30 * time.Second // each write: pages that are followed and downloads may go on for as long as they are taken
	idleFor         = time.Minute
	mostHeader      = 64 << 10
	mostConnections = 256
)

// serveAdmin serves until ctx ends. The listener is opened by the caller, so that an address in use stops the start.
func (d *Daemon) serveAdmin(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := newAdminServer(handler, d.Wiring.Log)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := serveOn(server, listener, d.Wiring.Config.Admin.TLS, d.Wiring.Log)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve admin address: %w", err)
}

func serveOn(server *http.Server, listener net.Listener, secured *AdminTLS, log *slog.Logger) error {
	if secured == nil {
		return server.Serve(listener)
	}
	own := &certificate{of: *secured, log: log}
	if _, err := own.get(nil); err != nil {
		return err
	}
	server.TLSConfig = &tls.Config{GetCertificate: own.get, MinVersion: tls.VersionTLS12}
	return server.ServeTLS(listener, "", "")
}

// newAdminServer is a server that no client can keep busy: everything has a time, and connections are bounded.
func newAdminServer(handler http.Handler, log *slog.Logger) *http.Server {
	bound := &connections{most: mostConnections, waiting: map[net.Conn]uint64{}}
	return &http.Server{Handler: inTime(handler), ReadHeaderTimeout: headerWithin, IdleTimeout: idleFor, MaxHeaderBytes: mostHeader,
		ConnState: bound.changed, ErrorLog: slog.NewLogLogger(quietHandshakes{log.Handler()}, slog.LevelWarn)}
}

// inTime gives the body of a request, and each write of its answer, a time. The server's own timeouts would end pages that
// are followed, and long downloads.
func inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timed := &timedWriter{w, http.NewResponseController(w)}
		if r.Body != http.NoBody {
			_ = timed.control.SetReadDeadline(time.Now().Add(bodyWithin)) // the next request sets its own
		}
		defer timed.extend() // what is still buffered is written when the handler has returned
		next.ServeHTTP(timed, r)
	})
}

// timedWriter is an answer whose reader has a time for each write.
type timedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *timedWriter) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(writeWithin)) }

// Unwrap is for http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timedWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

// connections bounds those that are open. Past most, the one that has waited longest for a request is closed: a listener that
// takes no more (netutil.LimitListener) would keep the probes waiting behind idle clients, and the container would be restarted.
type connections struct {
	most int

	mu      sync.Mutex
	open    int
	count   uint64
	waiting map[net.Conn]uint64 // for their first or next request, since when
}

// changed has the form of http.Server.ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	switch state {
	case http.StateNew:
		c.open++
		c.waiting[conn] = c.count
	case http.StateIdle:
		c.waiting[conn] = c.count
	case http.StateActive:
		delete(c.waiting, conn)
	case http.StateClosed, http.StateHijacked:
		delete(c.waiting, conn)
		c.open--
	}
	if state == http.StateNew && c.open > c.most {
		c.closeOldest()
	}
}

// closeOldest closes the connection that has waited longest: the new one itself when all others have requests. mu is held.
func (c *connections) closeOldest() {
	var oldest net.Conn
	for conn, since := range c.waiting {
		if oldest == nil || since < c.waiting[oldest] {
			oldest = conn
		}
	}
	delete(c.waiting, oldest)
	if secure, ok := oldest.(interface{ NetConn() net.Conn }); ok {
		oldest = secure.NetConn() // without the farewell of TLS, which may take seconds
	}
	_ = oldest.Close()
}

// quietHandshakes writes what net/http says, of TLS handshakes that failed for debugging only: scanners and probes of TCP cause them.
type quietHandshakes struct{ slog.Handler }

func (h quietHandshakes) Handle(ctx context.Context, r slog.Record) error {
	said := []byte(r.Message)
	if bytes.Contains(said, []byte("TLS handshake error")) {
		r.Level = slog.LevelDebug
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	first, rest, _ := bytes.Cut(said, []byte("\n"))
	out := slog.NewRecord(r.Time, r.Level, "admin address: "+string(first), r.PC)
	if len(rest) > 0 {
		out.AddAttrs(slog.String("stack", string(rest)))
	}
	return h.Handler.Handle(ctx, out)
}
