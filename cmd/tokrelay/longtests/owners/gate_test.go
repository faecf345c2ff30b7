//go:build synctests

package owners

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

var errDead = errors.New("dead")

// gate holds what a frozen process does, and ends what a dead one does.
type gate struct {
	mu     sync.Mutex
	frozen chan struct{} // closed once it is thawed; nil: it runs
	dead   chan struct{}
	thawed time.Time
}

func newGate() *gate { return &gate{dead: make(chan struct{})} }

// pass waits while the process is frozen; its error says that it is dead.
func (g *gate) pass() error {
	for {
		g.mu.Lock()
		frozen := g.frozen
		g.mu.Unlock()
		select {
		case <-g.dead:
			return errDead
		default:
		}
		if frozen == nil {
			return nil
		}
		select {
		case <-frozen:
		case <-g.dead:
			return errDead
		}
	}
}

func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen == nil {
		g.frozen = make(chan struct{})
	}
}

func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen != nil {
		close(g.frozen)
		g.frozen, g.thawed = nil, time.Now()
	}
}

func (g *gate) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.dead:
	default:
		close(g.dead)
	}
}

func (g *gate) isDead() bool {
	select {
	case <-g.dead:
		return true
	default:
		return false
	}
}

// hasJustThawed reports whether it was frozen within the time.
func (g *gate) hasJustThawed(within time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.frozen != nil || time.Since(g.thawed) < within
}

// dialer is a process's connections.
func (g *gate) dialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if err := g.pass(); err != nil {
			return nil, err
		}
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return g.wrap(c), nil
	}
}

// conn is a connection of a process that may freeze: what arrives meanwhile waits in the kernel.
type conn struct {
	net.Conn
	gate *gate
	in   chan []byte
	rest []byte
	done chan struct{}
	once sync.Once

	mu       sync.Mutex
	deadline time.Time
}

func (g *gate) wrap(c net.Conn) net.Conn {
	w := &conn{Conn: c, gate: g, in: make(chan []byte, 4096), done: make(chan struct{})}
	go w.receive()
	go func() {
		select {
		case <-g.dead:
			w.Close()
		case <-w.done:
		}
	}()
	return w
}

func (c *conn) receive() {
	defer close(c.in)
	for {
		b := make([]byte, 32<<10)
		n, err := c.Conn.Read(b)
		if n > 0 {
			select {
			case c.in <- b[:n]:
			case <-c.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Conn.Close()
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) Read(p []byte) (int, error) {
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	if len(c.rest) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if err := c.gate.pass(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *conn) next() error {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	var timeout <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case b, ok := <-c.in:
		if !ok {
			return net.ErrClosed
		}
		c.rest = b
		return nil
	case <-timeout:
		return os.ErrDeadlineExceeded
	case <-c.done:
		return net.ErrClosed
	}
}

// Write takes a moment: without it, who asks again at once stops the clock.
func (c *conn) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
