package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/reach"
)

// Explain says why no broker was reached, and the cure. Both are "" of what is not about reaching one.
func (c Config) Explain(err error) (why, cure string) {
	hungUp := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	first, _ := errors.AsType[*kgo.ErrFirstReadEOF](err)
	wantsLogin := first != nil && strings.Contains(first.Error(), "SASL is required")
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return "the broker refuses the user or the password", "correct username and password in kafka.sasl"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return "the broker does not have the mechanism of kafka.sasl", "set mechanism to one that the listener has (sasl.enabled.mechanisms)"
	case errors.Is(err, kerr.IllegalSaslState):
		return "the port takes no login", "take kafka.sasl out, or use the port with SASL in kafka.brokers"
	case strings.Contains(err.Error(), "invalid large response size"), strings.Contains(err.Error(), "invalid negative response size"):
		return "what answers is not Kafka, or speaks TLS", "correct the port in kafka.brokers; set kafka.tls where the port has TLS"
	case wantsLogin && c.SASL == nil:
		return "the broker hung up at the first question: the port wants a login", "set kafka.sasl, or use a port without SASL in kafka.brokers"
	case c.TLS == nil && first != nil && !wantsLogin:
		return "the broker hung up at once: the port wants TLS", "set kafka.tls ({} trusts the system's authorities), or use a port without TLS in kafka.brokers"
	case hungUp && c.SASL != nil && !isHandshake(err):
		return "the broker hung up during the login", "correct username, password and mechanism in kafka.sasl; take it out where the port has no SASL"
	case hungUp && c.TLS == nil:
		return "the broker hung up at once", "see that the port in kafka.brokers is Kafka's; set kafka.tls where it has TLS, kafka.sasl where it wants a login"
	}
	return reach.Explain(err, reach.Settings{Address: "kafka.brokers", TLS: "kafka.tls"})
}

func isHandshake(err error) bool {
	_, ok := errors.AsType[*reach.HandshakeError](err)
	return ok
}

// encrypted dials, and then shakes hands: so it is known which of the two failed. The client dials again when its time is up: that
// says no more than the handshake before.
func encrypted(dial Dial, config *tls.Config) Dial {
	var last atomic.Pointer[reach.HandshakeError]
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := dial(ctx, network, address)
		if before := last.Load(); err != nil && before != nil && ctx.Err() != nil {
			return nil, before
		}
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		if own.ServerName == "" {
			own.ServerName, _, _ = net.SplitHostPort(address)
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn := tls.Client(plain, own)
		if err := conn.HandshakeContext(ctx); err != nil {
			plain.Close()
			failed := &reach.HandshakeError{Err: err}
			last.Store(failed)
			return nil, failed
		}
		return conn, nil
	}
}
