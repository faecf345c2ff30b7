package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestPasswordsAreTakenByTheBrokerAndReadAgainFromTheirFile(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{mechanismPlain, mechanismScram256, mechanismScram512} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1, kfake.EnableSASL(), kfake.Superuser(mechanism, "user", "right"))
			file := filepath.Join(t.TempDir(), "password")
			cfg := configFor(cluster)
			cfg.SASL = &SASL{Mechanism: mechanism, Username: "user", PasswordFile: file}
			write(t, file, "wrong\n")
			if err := newClient(t, cfg).Ping(t.Context()); err == nil {
				t.Error("a wrong password was taken")
			}
			write(t, file, "right\n")
			if err := newClient(t, cfg).Ping(t.Context()); err != nil {
				t.Errorf("the right password: got %v", err)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsFetchedWithClientCredentials(t *testing.T) {
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "client" || secret != "hush" || r.FormValue("scope") != "a b" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"the-token","token_type":"bearer","expires_in":3600}`)
	}))
	defer idp.Close()
	s := &SASL{Mechanism: mechanismOAuth, TokenURL: idp.URL, ClientID: "client", ClientSecret: "hush", Scope: "a b",
		Extensions: map[string]string{"logicalCluster": "lkc-1"}}
	auth, err := s.oauth()(t.Context())
	if err != nil || auth.Token != "the-token" || auth.Extensions["logicalCluster"] != "lkc-1" {
		t.Errorf("got %v, want the token and its extensions", err)
	}
	if printed := string(settings.Effective(s)); strings.Contains(printed, "lkc-1") || !strings.Contains(printed, "logicalCluster") {
		t.Errorf("the configuration is printed with its extensions: %s", printed)
	}
	away := &SASL{Mechanism: mechanismOAuth, TokenURL: "http://127.0.0.1:1/token?client_secret=hush", ClientID: "client", ClientSecret: "hush"}
	if _, err := away.oauth()(t.Context()); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("an issuer that is away: got %v, want why, without the address's parameters", err)
	}
	s.ClientSecret = "other"
	if _, err := s.oauth()(t.Context()); err == nil || !strings.Contains(err.Error(), "401 invalid_client") {
		t.Errorf("a refused client: got %v, want the status and code", err)
	}
}

// certificates are one self-signed pair for brokers and clients of 127.0.0.1.
func certificates(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return certFile, keyFile
}

func TestConnectionsAreMutuallyAuthenticatedByCertificate(t *testing.T) {
	t.Parallel()
	certFile, keyFile := certificates(t)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	cluster := newCluster(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	cases := []struct {
		name string
		tls  *settings.TLS
		want bool
	}{
		{"with both", &settings.TLS{CAFile: certFile, CertFile: certFile, KeyFile: keyFile}, true},
		{"without a client certificate", &settings.TLS{CAFile: certFile}, false},
		{"without the authority", &settings.TLS{CertFile: certFile, KeyFile: keyFile}, false},
		{"without encryption", nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := configFor(cluster)
			cfg.TLS = c.tls
			if err := newClient(t, cfg).Ping(t.Context()); (err == nil) != c.want {
				t.Errorf("got %v, want connected: %v", err, c.want)
			}
		})
	}
}
