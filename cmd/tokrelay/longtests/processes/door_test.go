package processes

import (
	"net"
	"sync"
)

// door is a listener's, the broker's or TikTok's; shut, it cuts every connection and lets nobody in.
type door struct {
	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]struct{}
}

func (d *door) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &doorListener{l, d}, err
}

type doorListener struct {
	net.Listener
	door *door
}

func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.door.enter(c) {
			return c, err
		}
		c.Close()
	}
}

func (d *door) enter(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return false
	}
	if d.conns == nil {
		d.conns = map[net.Conn]struct{}{}
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *door) set(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
	for c := range d.conns {
		c.Close()
	}
	clear(d.conns)
}
