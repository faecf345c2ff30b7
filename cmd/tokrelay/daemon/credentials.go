package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Caller is who a request of the admin address comes from. The zero Caller is the operator of an address that demands no
// credentials.
type Caller struct {
	Name     string // of the credential
	Viewer   bool   // reads only
	LoggedIn bool   // by the form: there is a session to end
	Stranger bool   // gave no credential where one is demanded: sees whether probes pass, and no texts
}

type callerKey struct{}

// CallerOf is who the request of this context comes from.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// From is the request with its caller.
func (c Caller) From(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

// On names the caller at a place, as in "anna on the page of relay-0".
func (c Caller) On(place string) string {
	if c.Name == "" {
		return place
	}
	return c.Name + " on " + place
}

// readByPost are requests that read although they are POSTs: what they ask for does not belong into addresses.
var readByPost = []string{"/search", "/preview", logoutPath}

// guard serves requests with the credentials that are configured; without any, on loopback, requests to localhost or an
// address, so that a site of another name cannot reach the page through a browser (DNS rebinding). The probes are open, and
// so is what the login form looks like. Requests that change something must come from the page itself, and not from a viewer.
func (a *Admin) guard(next http.Handler, loopback bool, log *slog.Logger) http.Handler {
	login := &login{admin: a, log: log}
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("POST "+logoutPath, login.end)
	sameOrigin := http.NewCrossOriginProtection()
	inside := sameOrigin.Handler(mux)
	loginForm := sameOrigin.Handler(http.HandlerFunc(login.begin))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, known := a.caller(r, loopback, log)
		r = caller.From(r)
		switch {
		case r.URL.Path == "/livez" || r.URL.Path == "/readyz":
			next.ServeHTTP(w, r)
		case r.URL.Path == loginPath && r.Method == http.MethodPost && a.demands():
			loginForm.ServeHTTP(w, r)
		case !known && !a.demands():
			http.Error(w, "this address answers to localhost alone", http.StatusMisdirectedRequest)
		case !known && !styles(r):
			login.ask(w, r, "")
		case caller.Viewer && changes(r):
			http.Error(w, caller.Name+" may only look: this needs the role operator (admin.users)", http.StatusForbidden)
		default:
			inside.ServeHTTP(w, r)
		}
	})
}

func changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !slices.Contains(readByPost, r.URL.Path)
}

// styles reports whether the request is for files that are in the binary, which the login form is drawn with.
func styles(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/assets/")
}

// caller is who asks, and whether they may.
func (a *Admin) caller(r *http.Request, loopback bool, log *slog.Logger) (Caller, bool) {
	switch {
	case !a.demands() && (!loopback || a.Open || ownName(r.Host)):
		return Caller{}, true
	case !a.demands():
		return Caller{Stranger: true}, false
	}
	if name, password, ok := r.BasicAuth(); ok {
		return a.identify(name, password, false, log)
	}
	if token, ok := bearer(r); ok {
		return a.identify("", token, true, log)
	}
	return a.session(r, log)
}

// credential is one of those that open the admin address.
type credential struct {
	name   string
	viewer bool
	file   string
	token  bool // else: a password, which goes with the name
}

// credentials are all that are configured; those of users come last.
func (a *Admin) credentials() (list []credential) {
	if a.PasswordFile != "" {
		list = append(list, credential{name: a.Username, file: a.PasswordFile})
	}
	if a.TokenFile != "" {
		list = append(list, credential{name: "token", file: a.TokenFile, token: true})
	}
	for _, u := range a.Users {
		c := credential{name: u.Name, viewer: u.Role != "operator", file: u.PasswordFile}
		if u.TokenFile != "" {
			c.file, c.token = u.TokenFile, true
		}
		list = append(list, c)
	}
	return list
}

func (a *Admin) demands() bool { return len(a.credentials()) > 0 }

// identify compares in constant time.
func (a *Admin) identify(name, secret string, token bool, log *slog.Logger) (Caller, bool) {
	for _, c := range a.credentials() {
		if c.token != token || !token && !same([]byte(name), []byte(c.name)) {
			continue
		}
		if want := c.secret(log); want != nil && same([]byte(secret), want) {
			return Caller{Name: c.name, Viewer: c.viewer}, true
		}
	}
	return Caller{Stranger: true}, false
}

// secret reads the credential's file, at every request: it is small, and a changed one counts at once. A file that cannot be
// read or is empty is nil, which refuses every login.
func (c credential) secret(log *slog.Logger) []byte {
	text, err := os.ReadFile(c.file)
	secret := bytes.TrimSpace(text)
	if err == nil && len(secret) == 0 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		log.Error("logins to the page are refused: the file of the credential cannot be read", "credential", c.name, "error", err)
		return nil
	}
	return secret
}

// bearer is the request's token; the name of the scheme is of any case.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
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
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	return strings.EqualFold(host, "localhost") || net.ParseIP(host) != nil
}
