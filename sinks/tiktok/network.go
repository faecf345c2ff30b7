package tiktok

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// networkTexts say what failed below HTTP, without the words of the error, which may hold addresses and URLs.
var networkTexts = map[string]string{
	"timeout":     "no response in time",
	"reset":       "the connection was reset",
	"refused":     "the connection was refused",
	"dns":         "the host name could not be resolved",
	"certificate": "the server's certificate is not trusted (see ca_file)",
	"tls":         "the TLS handshake broke off",
	"closed":      "the connection was closed before the response was complete",
	"canceled":    "the call was given up by tokrelay",
	"other":       "the call did not go through",
}

// network names what failed below HTTP. The order matters: a DNS error may be a timeout too.
func network(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case is[*net.DNSError](err):
		return "dns"
	case timedOut(err):
		return "timeout"
	case is[*tls.CertificateVerificationError](err):
		return "certificate"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	case strings.Contains(err.Error(), "malformed"):
		return "other"
	case is[tls.RecordHeaderError](err), is[tls.AlertError](err), strings.Contains(err.Error(), "tls: "):
		return "tls"
	case strings.Contains(err.Error(), "server closed"), strings.Contains(err.Error(), "connection broken"):
		return "closed" // net/http keeps these errors to itself
	}
	return "other"
}

func timedOut(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
