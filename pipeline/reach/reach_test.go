package reach

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Why a server was not reached over HTTP. pipeline/kafka has the cases of brokers.
func TestAServerThatIsNotReachedGetsAReasonAndACure(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for address, want := range map[string]string{
		secure.URL: "an authority that this machine does not know: set ca_file in registry.tls",
		strings.Replace(plain.URL, "http:", "https:", 1): "the port does not speak TLS: write http:// in registry.url",
		"http://" + closed.Addr().String():               "nothing listens at that port: start the server, or correct host and port in registry.url",
		"http://registry.invalid":                        "the host's name is not known here: correct the host in registry.url",
	} {
		answer, err := http.Get(address)
		if err == nil {
			answer.Body.Close()
			t.Errorf("%s was reached", address)
			continue
		}
		why, cure := Explain(err, Settings{Address: "registry.url", TLS: "registry.tls", HTTP: true})
		if got := why + ": " + cure; !strings.Contains(got, want) {
			t.Errorf("%v:\ngot  %s\nwant %s", err, got, want)
		}
	}
}

func TestWhatIsNotAboutReachingHasNoWords(t *testing.T) {
	for _, err := range []error{errors.New("topic is not there"), io.ErrShortBuffer, fmt.Errorf("a schema: %w", errors.New("x"))} {
		if why, cure := Explain(err, Settings{}); why != "" || cure != "" {
			t.Errorf("%v: got %q and %q, want nothing", err, why, cure)
		}
	}
	handshake := &HandshakeError{io.EOF}
	if why, _ := Explain(fmt.Errorf("dial: %w", handshake), Settings{TLS: "kafka.tls"}); why != "the port does not speak TLS" {
		t.Errorf("a handshake that is cut off: got %q", why)
	}
	if why, _ := Explain(tls.AlertError(116), Settings{}); !strings.Contains(why, "refuses this client's TLS") {
		t.Errorf("an alert: got %q", why)
	}
}
