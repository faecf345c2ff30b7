// Package reach says in words why a server was not reached, and what to do. It knows connections alone: what a server answers, and
// logins, are for the packages that speak its protocol.
package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
)

// Kind names what failed below the protocol, in one word for metrics. The order matters: a DNS error may be a timeout too.
func Kind(err error) string {
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

// HandshakeError is a TLS handshake that failed on a connection that stood.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

// Settings are the names of the settings that a cure speaks of.
type Settings struct {
	Address string // kafka.brokers
	TLS     string // kafka.tls
	HTTP    bool   // the address is a URL, whose scheme tells of TLS
}

// Explain says why a server was not reached, and the cure; both are "" where the error is of another sort.
func Explain(err error, s Settings) (why, cure string) {
	if why, cure = s.certificate(err); why != "" {
		return why, cure
	}
	missing, _ := errors.AsType[*fs.PathError](err)
	handshake := is[*HandshakeError](err)
	switch kind := Kind(err); {
	case missing != nil:
		return "the file " + missing.Path + " cannot be read", "correct the path, or the rights of this user to it"
	case is[tls.RecordHeaderError](err), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"),
		handshake && (kind == "closed" || kind == "reset" || kind == "timeout"):
		return "the port does not speak TLS", s.without()
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`), strings.Contains(err.Error(), "HTTP request to an HTTPS server"):
		return "the port speaks TLS", "write https:// in " + s.Address
	case is[tls.AlertError](err), strings.Contains(err.Error(), "remote error: tls: "):
		return "the server refuses this client's TLS, most often for want of a certificate it knows", "set cert_file and key_file in " + s.TLS
	case kind == "dns":
		return "the host's name is not known here", "correct the host in " + s.Address + ", or see this machine's DNS"
	case kind == "refused":
		return "nothing listens at that port", "start the server, or correct host and port in " + s.Address
	case kind == "timeout", errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no answer came in time", "correct host and port in " + s.Address + "; see firewalls and network policies in between"
	}
	return "", ""
}

// certificate explains why the server's is not trusted.
func (s Settings) certificate(err error) (why, cure string) {
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case is[x509.UnknownAuthorityError](err):
		return "its certificate is signed by an authority that this machine does not know", "set ca_file in " + s.TLS + " to the authority's PEM file"
	case is[x509.HostnameError](err):
		return "its certificate is for other names than the host's", "use a name of the certificate in " + s.Address + ", or set server_name in " + s.TLS
	case invalid.Cert != nil && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet", "renew it; see that this machine's clock is right"
	case is[*tls.CertificateVerificationError](err):
		return "its certificate is not trusted", "see ca_file in " + s.TLS
	}
	return "", ""
}

func (s Settings) without() string {
	if s.HTTP {
		return "write http:// in " + s.Address + ", or use the port with TLS"
	}
	return "take " + s.TLS + " out, or use the port with TLS in " + s.Address
}
