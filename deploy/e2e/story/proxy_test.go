//go:build e2e

package story

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// proxy is between a client and the broker and takes its time with commits of offsets, as a coordinator does that is busy.
// A request whose client has gone meanwhile never arrives.
type proxy struct {
	delay atomic.Int64 // of a commit, in nanoseconds
}

// newProxy listens where the broker says that its proxied listener is.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", os.Getenv("E2E_KAFKA_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &proxy{}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	broker, err := net.Dial("tcp", os.Getenv("E2E_KAFKA_PROXIED"))
	if err != nil {
		return
	}
	defer broker.Close()
	requests, gone := make(chan []byte, 1000), make(chan struct{})
	go func() { defer client.Close(); io.Copy(client, broker) }()
	go func() { defer close(gone); read(client, requests) }()
	for {
		select {
		case <-gone:
			return
		case r := <-requests:
			if wait := time.Duration(p.delay.Load()); wait > 0 && int16(binary.BigEndian.Uint16(r[4:])) == int16(kmsg.OffsetCommit) {
				select {
				case <-gone:
					return
				case <-time.After(wait):
				}
			}
			if _, err := broker.Write(r); err != nil {
				return
			}
		}
	}
}

// read cuts what a client sends into requests: four bytes of length, then two of the request's kind.
func read(client net.Conn, requests chan<- []byte) {
	for {
		size := make([]byte, 4)
		if _, err := io.ReadFull(client, size); err != nil {
			return
		}
		request := append(size, make([]byte, binary.BigEndian.Uint32(size))...)
		if _, err := io.ReadFull(client, request[4:]); err != nil {
			return
		}
		requests <- request
	}
}
