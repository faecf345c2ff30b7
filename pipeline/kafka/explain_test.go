package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestABrokerThatIsNotReachedGetsAReasonAndACure(t *testing.T) {
	t.Parallel()
	certFile, keyFile := certificates(t)
	pair, _ := tls.LoadX509KeyPair(certFile, keyFile)
	plain := newCluster(t, 1)
	secure := newCluster(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	mutual := newCluster(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	login := newCluster(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "right"))
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	closed, silent, hangup := listener(t), listener(t), listener(t)
	closed.Close()
	go func() {
		for {
			c, err := hangup.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	ca := &settings.TLS{CAFile: certFile}
	at := func(addr string, tls *settings.TLS, s *SASL) Config {
		cfg := configFor(plain)
		cfg.Brokers, cfg.TLS, cfg.SASL = []string{addr}, tls, s
		return cfg
	}
	user := func(p string) *SASL {
		return &SASL{Mechanism: "PLAIN", Username: "admin", Password: settings.Secret(p)}
	}
	for name, c := range map[string]struct {
		cfg       Config
		why, cure string
	}{
		"plain to a port with TLS":      {at(secure.ListenAddrs()[0], nil, nil), "the port wants TLS", "set kafka.tls"},
		"TLS to a plain port":           {at(hangup.Addr().String(), ca, nil), "does not speak TLS", "take kafka.tls out"},
		"TLS to a port that waits":      {at(silent.Addr().String(), ca, nil), "does not speak TLS", "take kafka.tls out"},
		"TLS to a port of HTTP":         {at(web.Listener.Addr().String(), ca, nil), "does not speak TLS", "take kafka.tls out"},
		"an unknown authority":          {at(secure.ListenAddrs()[0], &settings.TLS{}, nil), "an authority that this machine does not know", "set ca_file in kafka.tls"},
		"a certificate for other names": {at(secure.ListenAddrs()[0], &settings.TLS{CAFile: certFile, ServerName: "other.example"}, nil), "for other names", "server_name in kafka.tls"},
		"no certificate of the client":  {at(mutual.ListenAddrs()[0], ca, nil), "refuses this client's TLS", "cert_file and key_file in kafka.tls"},
		"a file that is not there":      {at(closed.Addr().String(), &settings.TLS{CAFile: "/nope/ca.pem"}, nil), "/nope/ca.pem cannot be read", "correct the path"},
		"a wrong password":              {at(login.ListenAddrs()[0], nil, user("wrong")), "hung up during the login", "correct username, password and mechanism"},
		"another mechanism":             {at(login.ListenAddrs()[0], nil, &SASL{Mechanism: "SCRAM-SHA-256", Username: "x", Password: "y"}), "hung up during the login", "mechanism in kafka.sasl"},
		"a login to a port without":     {at(plain.ListenAddrs()[0], nil, user("right")), "hung up during the login", "take it out where the port has no SASL"},
		"no login":                      {at(login.ListenAddrs()[0], nil, nil), "the port wants a login", "set kafka.sasl"},
		"a port of HTTP":                {at(web.Listener.Addr().String(), nil, nil), "is not Kafka", "correct the port in kafka.brokers"},
		"a port where nothing listens":  {at(closed.Addr().String(), nil, nil), "nothing listens", "correct host and port in kafka.brokers"},
		"a host that is not known":      {at("kafka.invalid:9092", nil, nil), "not known here", "correct the host in kafka.brokers"},
		"a port that hangs up":          {at(hangup.Addr().String(), nil, nil), "hung up at once", "kafka.brokers"},
		"a port that says nothing":      {at(silent.Addr().String(), nil, nil), "no answer came in time", "firewalls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := c.cfg.NewClient("x", nil) // a name of ten letters with the prefix: HTTP takes its length for the end of a line
			if err == nil {
				defer client.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err = client.Ping(ctx)
			}
			if err == nil {
				t.Fatal("it was reached")
			}
			why, cure := c.cfg.Explain(err)
			if !strings.Contains(why, c.why) || !strings.Contains(cure, c.cure) || strings.Contains(why+cure, "wrong") {
				t.Errorf("%v:\ngot  %s (%s)\nwant %s (%s)", err, why, cure, c.why, c.cure)
			}
		})
	}
}

// What real brokers answer, which the one in this process does not.
func TestALoginThatIsRefusedSaysWhatWasRefused(t *testing.T) {
	t.Parallel()
	cfg := Config{SASL: &SASL{}}
	for err, want := range map[error]string{
		kerr.SaslAuthenticationFailed: "the broker refuses the user or the password",
		kerr.UnsupportedSaslMechanism: "the broker does not have the mechanism of kafka.sasl",
		kerr.IllegalSaslState:         "the port takes no login",
		kerr.UnknownTopicOrPartition:  "",
	} {
		if why, cure := cfg.Explain(fmt.Errorf("reach Kafka: %w", err)); why != want || (why == "") != (cure == "") {
			t.Errorf("%v: got %q (%s), want %q", err, why, cure, want)
		}
	}
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
