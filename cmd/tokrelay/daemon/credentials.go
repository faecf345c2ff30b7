package daemon

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
)

// guard serves requests with the credentials that are configured; without any, on loopback, requests to localhost or an
// address, so that a site of another name cannot reach the page through a browser (DNS rebinding). The probes are open.
// Requests that change something must come from the page itself.
func (a *Admin) guard(next http.Handler, loopback bool, log *slog.Logger) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/livez" || r.URL.Path == "/readyz":
			next.ServeHTTP(w, r)
		case a.demands() && !a.allows(r, log):
			a.challenge(w)
		case !a.demands() && loopback && !a.Open && !ownName(r.Host):
			http.Error(w, "this address answers to localhost alone", http.StatusMisdirectedRequest)
		default:
			sameOrigin.ServeHTTP(w, r)
		}
	})
}

func (a *Admin) demands() bool { return a.PasswordFile != "" || a.TokenFile != "" }

func (a *Admin) challenge(w http.ResponseWriter) {
	if a.PasswordFile != "" {
		w.Header().Add("WWW-Authenticate", `Basic realm="tokrelay", charset="UTF-8"`)
	}
	if a.TokenFile != "" {
		w.Header().Add("WWW-Authenticate", `Bearer realm="tokrelay"`)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "credentials wanted", http.StatusUnauthorized)
}

// allows compares in constant time. The files are read at every request: they are small, and a changed one counts at
// once. A file that cannot be read or is empty refuses every request.
func (a *Admin) allows(r *http.Request, log *slog.Logger) bool {
	if name, password, ok := r.BasicAuth(); ok && a.PasswordFile != "" {
		return same([]byte(name), []byte(a.Username)) && sameAsFile([]byte(password), a.PasswordFile, log)
	}
	if token, ok := bearer(r); ok && a.TokenFile != "" {
		return sameAsFile([]byte(token), a.TokenFile, log)
	}
	return false
}

// bearer is the request's token; the name of the scheme is of any case.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

func sameAsFile(given []byte, path string, log *slog.Logger) bool {
	text, err := os.ReadFile(path)
	secret := bytes.TrimSpace(text)
	if err == nil && len(secret) == 0 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		log.Error("every login to the page is refused: its credentials cannot be read", "error", err)
		return false
	}
	return same(given, secret)
}

// same compares digests, so that not even the length shows.
func same(x, y []byte) bool {
	a, b := sha256.Sum256(x), sha256.Sum256(y)
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// ownName reports whether a request's Host is localhost or an address.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return host == "localhost" || net.ParseIP(host) != nil
}
