package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// asking answers every request with a schema, and keeps its headers.
type asking struct{ last http.Header }

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.last = r.Header
	io.WriteString(w, described(`"int"`))
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCredentialsAreSent(t *testing.T) {
	file := writeFile(t, "secret", "from-file\n")
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"none", Config{URL: URLs{"http://registry"}}, ""},
		{"basic", Config{URL: URLs{"http://registry"}, Basic: &BasicAuth{Username: "u", Password: "p"}}, "Basic dTpw"},
		{"basic from a file", Config{URL: URLs{"http://registry"}, Basic: &BasicAuth{Username: "u", PasswordFile: file}}, "Basic dTpmcm9tLWZpbGU="},
		{"in the URL", Config{URL: URLs{"http://u:p@registry/x"}}, "Basic dTpw"},
		{"bearer", Config{URL: URLs{"http://registry"}, Bearer: &BearerAuth{Token: "t"}}, "Bearer t"},
		{"bearer from a file", Config{URL: URLs{"http://registry"}, Bearer: &BearerAuth{TokenFile: file}}, "Bearer from-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := &asking{}
			c.cfg.Headers = map[string]settings.Secret{"X-Gateway": "g"}
			if _, err := newRegistry(t, c.cfg, handled{fake}).Schema(t.Context(), idNumber(1)); err != nil {
				t.Fatal(err)
			}
			if got := fake.last.Get("Authorization"); got != c.want || fake.last.Get("X-Gateway") != "g" {
				t.Errorf("got %q and %q, want %q and the gateway's", got, fake.last.Get("X-Gateway"), c.want)
			}
			if got := fake.last.Get("Accept"); got != "application/vnd.schemaregistry.v1+json, application/json" {
				t.Errorf("got Accept %q", got)
			}
		})
	}
}

func TestATokenFileIsReadAgain(t *testing.T) {
	fake, file := &asking{}, writeFile(t, "token", "one")
	r := newRegistry(t, Config{URL: URLs{"http://registry"}, Bearer: &BearerAuth{TokenFile: file}}, handled{fake})
	for id, token := range []string{"one", "two"} {
		writeFile(t, file, token+"\n")
		if _, err := r.Schema(t.Context(), idNumber(int64(id)+1)); err != nil || fake.last.Get("Authorization") != "Bearer "+token {
			t.Errorf("got %q and %v, want token %s", fake.last.Get("Authorization"), err, token)
		}
	}
	os.Remove(file)
	_, err := r.Schema(t.Context(), idNumber(9))
	wantTrouble(t, err, "get credentials: read the credentials: open")
}

func TestWrongCredentialsAreTroubleWithoutTheSecret(t *testing.T) {
	fake := srfake.New(srfake.WithAuth("Bearer right"))
	defer fake.Close()
	address := strings.Replace(fake.URL(), "http://", "http://user:hunter2@", 1)
	_, err := registryAt(t, address).Schema(t.Context(), idNumber(1))
	wantTrouble(t, err, "status 403")
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	_, refused := registryAt(t, strings.Replace(dead.URL, "http://", "http://user:hunter2@", 1)).Schema(t.Context(), idNumber(1))
	wantTrouble(t, refused, "refused")
	for _, err := range []error{err, refused} {
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "user") {
			t.Errorf("got the credentials in %v", err)
		}
	}
}

// issuer is a token endpoint for one client. It hands out the given tokens in turn, or refuses.
type issuer struct {
	t       *testing.T
	secret  string
	tokens  []string
	seconds int
	asked   int
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if id != "client" || secret != i.secret {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_client","error_description":"hunter2 is wrong"}`)
		return
	}
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read all" {
		i.t.Errorf("got %v, want client credentials for both scopes", r.Form)
	}
	json.NewEncoder(w).Encode(map[string]any{"access_token": i.tokens[i.asked], "token_type": "Bearer", "expires_in": i.seconds})
	i.asked++
}

func TestOAuthGetsATokenAndSendsConfluentsHeaders(t *testing.T) {
	tokens := &issuer{t: t, secret: "s", tokens: []string{"first"}, seconds: 3600}
	fake := &asking{}
	mux := http.NewServeMux()
	mux.Handle("issuer/token", tokens)
	mux.Handle("registry/", fake)
	cfg := Config{URL: URLs{"http://registry"}, OAuth: &OAuth{TokenURL: "http://issuer/token", ClientID: "client", ClientSecret: "s",
		Scopes: []string{"read", "all"}, LogicalCluster: "lsrc-1", IdentityPoolID: "pool-1"}}
	r := newRegistry(t, cfg, handled{mux})
	for id := range int64(3) {
		if _, err := r.Schema(t.Context(), idNumber(id+1)); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{fake.last.Get("Authorization"), fake.last.Get("target-sr-cluster"), fake.last.Get("Confluent-Identity-Pool-Id")}
	if want := []string{"Bearer first", "lsrc-1", "pool-1"}; !slices.Equal(got, want) || tokens.asked != 1 {
		t.Errorf("got %q with %d tokens, want %q with one", got, tokens.asked, want)
	}
}

func TestOAuthReadsItsSecretForEveryNewToken(t *testing.T) {
	file := writeFile(t, "secret", "old")
	tokens := &issuer{t: t, secret: "old", tokens: []string{"first", "second"}, seconds: 1} // a second is as good as over
	fake := &asking{}
	mux := http.NewServeMux()
	mux.Handle("issuer/token", tokens)
	mux.Handle("registry/", fake)
	cfg := Config{URL: URLs{"http://registry"}, OAuth: &OAuth{TokenURL: "http://issuer/token", ClientID: "client", ClientSecretFile: file,
		Scopes: []string{"read", "all"}}}
	r := newRegistry(t, cfg, handled{mux})
	if _, err := r.Schema(t.Context(), idNumber(1)); err != nil {
		t.Fatal(err)
	}
	tokens.secret = "new"
	_, err := r.Schema(t.Context(), idNumber(2))
	wantTrouble(t, err, "get credentials: status 401 invalid_client")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got the issuer's description in %v", err)
	}
	writeFile(t, file, "new\n")
	if _, err := r.Schema(t.Context(), idNumber(2)); err != nil || fake.last.Get("Authorization") != "Bearer second" {
		t.Errorf("got %q and %v, want the second token", fake.last.Get("Authorization"), err)
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key, a.pem, _ = a.issue("authority", true)
	return a
}

// issue makes a certificate, signed by the authority, or by itself for the authority's own.
func (a *authority) issue(name string, ca bool) (cert *x509.Certificate, key *ecdsa.PrivateKey, certPEM, keyPEM string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer = form, key
	}
	der, err := x509.CreateCertificate(rand.Reader, form, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, _ = x509.ParseCertificate(der)
	keyDER, _ := x509.MarshalECPrivateKey(key)
	certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, certPEM, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

func TestMutualTLSWithAnAuthorityOfOurOwn(t *testing.T) {
	ca := newAuthority(t)
	_, _, serverCert, serverKey := ca.issue("registry.test", false)
	pair, _ := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	var who string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who = r.TLS.PeerCertificates[0].Subject.CommonName
		io.WriteString(w, described(`"int"`))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshakes
	server.StartTLS()
	defer server.Close()

	_, _, clientCert, clientKey := ca.issue("tokrelay", false)
	secure := &settings.TLS{CAFile: writeFile(t, "ca.pem", ca.pem), CertFile: writeFile(t, "cert.pem", clientCert),
		KeyFile: writeFile(t, "key.pem", clientKey), ServerName: "registry.test"}
	cfg := Config{URL: URLs{server.URL}, TLS: secure}
	if _, err := newRegistry(t, cfg, nil).Schema(t.Context(), idNumber(1)); err != nil || who != "tokrelay" {
		t.Errorf("got %v as %q, want the schema as tokrelay", err, who)
	}
	cfg.TLS = &settings.TLS{CAFile: secure.CAFile, ServerName: "registry.test"}
	_, err := newRegistry(t, cfg, nil).Schema(t.Context(), idNumber(1))
	wantTrouble(t, err, "certificate")
	cfg.TLS = nil
	_, err = newRegistry(t, cfg, nil).Schema(t.Context(), idNumber(1))
	wantTrouble(t, err, "certificate")
}

func TestCertificatesThatCannotBeReadAreToldAtTheStart(t *testing.T) {
	empty := writeFile(t, "empty.pem", "")
	for name, secure := range map[string]*settings.TLS{
		"ca_file: open":               {CAFile: "/nowhere/ca.pem"},
		"ca_file: no certificate":     {CAFile: empty},
		"cert_file and key_file: tls": {CertFile: empty, KeyFile: empty},
	} {
		_, err := New(Config{URL: URLs{"https://registry"}, TLS: secure}, Deps{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want it to say %q", err, name)
		}
	}
}

func TestRegistrySettingsAreReadAndChecked(t *testing.T) {
	load := func(text string) (Config, error) {
		var c struct {
			Registry Config `yaml:"schema_registry"`
		}
		report := settings.Load([]byte("schema_registry: {"+text+"}"), &c, settings.Vars(map[string]string{"P": "p#:w"}))
		c.Registry.Validate(settings.Root(report).Key("schema_registry"))
		return c.Registry, report.Err()
	}
	for text, want := range map[string][]string{
		"url: http://a:8081":                                    {"http://a:8081"},
		"url: 'http://a:8081,https://b/x/ '":                    {"http://a:8081", "https://b/x/"},
		"url: [http://a, http://b]":                             {"http://a", "http://b"},
		"folder: /schemas, missing_retry: 0s":                   nil,
		"url: http://a, basic: {username: u, password: '${P}'}": {"http://a"},
	} {
		if c, err := load(text); err != nil || !slices.Equal(c.URL, want) {
			t.Errorf("%s: got %q and %v, want %q", text, c.URL, err, want)
		}
	}
	for text, want := range map[string]string{
		"url: a:8081":                            "url: must be an http:// or https:// address",
		"url: [http://a, ftp://b]":               "url[1]: must be an http",
		"url: 'http://a?x=1'":                    "url: must have no ?",
		"url: 5":                                 "url: must be an http",
		"bearer: {}":                             "bearer.token: required, or token_file",
		"bearer: {token: '${P}', token_file: b}": "bearer.token: required, or token_file, and not both",
		"basic: {password: '${P}'}":              "basic.username: required",
		"oauth: {token_url: x}":                  "oauth.token_url: must be an http",
		"basic: {username: u, password: '${P}'}, bearer: {token: '${P}'}": "only one of",
		"tls: {cert_file: a}": "belong together",
		"cache_size: -1":      "cache_size: must be at least 1",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
