package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// writePair writes a certificate of that number, and the file times of that second.
func writePair(t *testing.T, of AdminTLS, number int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeOld(t, of.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), number)
	writeOld(t, of.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), number)
}

func writeOld(t *testing.T, path string, text []byte, second int64) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Unix(second, 0), time.Unix(second, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestTheAdminCertificateIsReadAgainAndABrokenOneIsNot(t *testing.T) {
	of := AdminTLS{CertFile: filepath.Join(t.TempDir(), "cert"), KeyFile: filepath.Join(t.TempDir(), "key")}
	writePair(t, of, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	server := newAdminServer(http.NotFoundHandler(), log)
	var serving sync.WaitGroup
	serving.Go(func() { _ = serveOn(server, listener, &of, log) })
	defer serving.Wait()
	defer server.Close()
	serves := func(want int64) {
		t.Helper()
		c, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the number is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("serves certificate %d, want %d", got, want)
		}
	}
	serves(1)
	writePair(t, of, 2)
	serves(2)
	writeOld(t, of.KeyFile, []byte("half"), 3)
	serves(2)
	if err := os.Remove(of.CertFile); err != nil {
		t.Fatal(err)
	}
	serves(2)
	writePair(t, of, 4)
	serves(4)
}

func TestAnAdminCertificateThatIsNotThereStopsTheStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := serveOn(newAdminServer(nil, slog.New(slog.DiscardHandler)), listener, &AdminTLS{CertFile: "none", KeyFile: "none"}, nil); err == nil {
		t.Error("serves without a certificate")
	}
}
