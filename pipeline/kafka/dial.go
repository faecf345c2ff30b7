package kafka

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	dialTimeout = 10 * time.Second
	dialPause   = 100 * time.Millisecond
)

// dialer opens connections as Dial says, or over the network, with TLS where it is set.
func (c Config) dialer() (Dial, error) {
	if c.Dial != nil {
		return patient(c.Dial), nil
	}
	network := &net.Dialer{Timeout: dialTimeout}
	if c.TLS == nil {
		return patient(network.DialContext), nil
	}
	t, err := c.TLS.Client()
	if err != nil {
		return nil, fmt.Errorf("set up kafka.tls: %w", err)
	}
	return patient(encrypted(network.DialContext, t)), nil
}

// patient waits a moment before it tells of a failure. A member of a next_gen group that is refused the connection by
// which it wants to ask for its offsets asks again at once, for as long as the broker is away: a broker on the same host
// refuses thousands of times a second.
func patient(dial Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			_ = pipeline.Wait(ctx, dialPause) // dial's error is the one that counts
		}
		return conn, err
	}
}
