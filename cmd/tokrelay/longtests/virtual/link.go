package virtual

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Link is all that joins a member to the world: connections to the broker, and calls to TikTok. Cut, it breaks what is
// under way and lets nothing through; a member whose link is cut for good has crashed as far as another can tell.
type Link struct {
	// Nap says for how long the process freezes where it asks: before a request that leaves something half done, before a call, and when its
	// answer has come. Nil: not at all.
	Nap func() time.Duration

	net *kfake.VirtualNetwork
	api http.RoundTripper

	mu       sync.Mutex
	alive    context.Context // ends when the link is cut
	cut      context.CancelFunc
	restored time.Time
	frozen   freeze
	doomed   chan struct{} // nil: the link is not to be cut
	conns    map[net.Conn]struct{}
}

// refused is the error of a network where nothing listens.
var refused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// NewLink joins a member to a network and an API.
func NewLink(n *kfake.VirtualNetwork, api http.RoundTripper) *Link {
	l := &Link{net: n, api: api, conns: map[net.Conn]struct{}{}}
	l.Restore()
	return l
}

// Restore ends a cut.
func (l *Link) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alive == nil || l.alive.Err() != nil {
		l.alive, l.cut = context.WithCancel(context.Background())
		l.restored = time.Now()
	}
}

// Down cuts the link until Restore.
func (l *Link) Down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut()
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

func (l *Link) life() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive
}

// Open is the number of connections to the broker.
func (l *Link) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Dial opens a connection to the broker.
func (l *Link) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if l.pass(); l.life().Err() != nil {
		return nil, refused
	}
	c, err := l.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alive.Err() != nil {
		c.Close()
		return nil, refused
	}
	l.conns[c] = struct{}{}
	return &linked{c, l}, nil
}

// linked is a connection that the link forgets when it is closed.
type linked struct {
	net.Conn
	link *Link
}

// latency is the time of a request on its way. Without it, who asks again at once stops the clock: a broker that answers an
// error at once is asked so.
const latency = time.Millisecond

func (c *linked) Write(b []byte) (int, error) {
	time.Sleep(latency)
	c.link.before(b)
	return c.Conn.Write(b)
}

func (c *linked) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.link.pass()
	return n, err
}

func (c *linked) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c.Conn)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// RoundTrip makes a call. A cut breaks it off: before its effect, or after it and before its answer.
func (l *Link) RoundTrip(r *http.Request) (*http.Response, error) {
	waited := l.nap()
	life := l.life()
	if life.Err() != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, refused
	}
	ctx, cancel := late(r.Context(), waited)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	answer, err := l.api.RoundTrip(r.WithContext(ctx))
	l.nap()
	if life.Err() != nil {
		return nil, fmt.Errorf("read answer: %w", syscall.ECONNRESET)
	}
	return answer, err
}
