package daemon

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	loginPath     = "/login"
	logoutPath    = "/logout"
	sessionCookie = "tokrelay_session"
	sessionFor    = 12 * time.Hour
	mostLogin     = 8 << 10 // bytes of a form
)

//go:embed login.html
var loginText string

var loginPage = template.Must(template.New("login").Parse(loginText))

// login is the form by which a browser gets in. The session is a cookie that is signed with the credential itself: every
// instance takes it, nothing is kept, and it ends when the credential changes.
type login struct {
	admin *Admin
	log   *slog.Logger
}

// ask answers a request without a credential: browsers get the form, and no question of their own; others what is demanded.
func (l *login) ask(w http.ResponseWriter, r *http.Request, problem string) {
	w.Header().Set("Cache-Control", "no-store")
	l.admin.challenge(w, r)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, "credentials wanted", http.StatusUnauthorized)
		return
	}
	next := "/"
	if r.URL.Path == loginPath {
		next = within(r.PostFormValue("next"))
	} else if r.Method == http.MethodGet {
		next = within(r.URL.RequestURI())
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusUnauthorized)
	_ = loginPage.Execute(w, map[string]any{"Next": next, "Problem": problem, "Names": l.admin.namesNeeded()}) // the browser may be gone
}

// challenge says what is demanded. Basic authentication is not for browsers: they would ask before the form can.
func (a *Admin) challenge(w http.ResponseWriter, r *http.Request) {
	browser := r.Header.Get("Sec-Fetch-Mode") != "" || strings.Contains(r.Header.Get("Accept"), "text/html")
	if a.namesNeeded() && !browser {
		w.Header().Add("WWW-Authenticate", `Basic realm="tokrelay", charset="UTF-8"`)
	} else {
		w.Header().Add("WWW-Authenticate", `Bearer realm="tokrelay"`)
	}
}

// namesNeeded reports whether some credential is a password, which goes with a name.
func (a *Admin) namesNeeded() bool {
	return slices.ContainsFunc(a.credentials(), func(c credential) bool { return !c.token })
}

// begin takes the form.
func (l *login) begin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostLogin)
	secret := strings.TrimSpace(r.PostFormValue("secret"))
	caller, ok := l.admin.identify(r.PostFormValue("name"), secret, false, l.log)
	if !ok {
		caller, ok = l.admin.identify("", secret, true, l.log)
	}
	if !ok {
		l.log.Warn("a login to the page was refused", "from", r.RemoteAddr)
		l.ask(w, r, "No credential is like that")
		return
	}
	l.log.Info("login to the page", "credential", caller.Name, "from", r.RemoteAddr)
	l.set(w, r, l.admin.sign(caller.Name, time.Now().Add(sessionFor), l.log), int(sessionFor/time.Second))
	http.Redirect(w, r, within(r.PostFormValue("next")), http.StatusSeeOther)
}

// end takes the session from the browser.
func (l *login) end(w http.ResponseWriter, r *http.Request) {
	l.set(w, r, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (*login) set(w http.ResponseWriter, r *http.Request, value string, seconds int) {
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", MaxAge: seconds, Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// within is an address of the page, or its start where it is none.
func within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return next
}

// sign makes a session: <end>.<signature>.<name>.
func (a *Admin) sign(name string, until time.Time, log *slog.Logger) string {
	for _, c := range a.credentials() {
		if secret := c.secret(log); c.name == name && secret != nil {
			end := strconv.FormatInt(until.Unix(), 10)
			return end + "." + signature(secret, end, name) + "." + url.QueryEscape(name)
		}
	}
	return ""
}

func signature(secret []byte, end, name string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("tokrelay session\n" + end + "\n" + name))
	return hex.EncodeToString(mac.Sum(nil))
}

// session is the caller that a cookie was given to.
func (a *Admin) session(r *http.Request, log *slog.Logger) (Caller, bool) {
	stranger := Caller{Stranger: true}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return stranger, false
	}
	end, rest, _ := strings.Cut(cookie.Value, ".")
	given, escaped, _ := strings.Cut(rest, ".")
	until, err := strconv.ParseInt(end, 10, 64)
	name, wrong := url.QueryUnescape(escaped)
	if err != nil || wrong != nil || time.Now().Unix() >= until {
		return stranger, false
	}
	for _, c := range a.credentials() {
		if c.name != name {
			continue
		}
		if secret := c.secret(log); secret != nil && same([]byte(given), []byte(signature(secret, end, name))) {
			return Caller{Name: name, Viewer: c.viewer, LoggedIn: true}, true
		}
	}
	return stranger, false
}
