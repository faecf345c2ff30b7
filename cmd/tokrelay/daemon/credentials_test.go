package daemon

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestWhoMaySeeTheAdminAddress(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	password, token, empty := file("password", "sesame\n"), file("token", "t0ken\n"), file("empty", "\n")
	basic := func(r *http.Request) { r.SetBasicAuth("ops", "sesame") }
	withBearer := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	cases := []struct {
		name     string
		admin    Admin
		loopback bool
		path     string
		host     string
		request  func(*http.Request)
		want     int
	}{
		{"loopback is open", Admin{}, true, "/", "127.0.0.1:8080", nil, 200},
		{"localhost too", Admin{}, true, "/metrics", "localhost:8080", nil, 200},
		{"in any case", Admin{}, true, "/metrics", "LocalHost:8080", nil, 200},
		{"IPv6 too", Admin{}, true, "/", "[::1]:8080", nil, 200},
		{"another name that leads to loopback is not", Admin{}, true, "/", "evil.example", nil, 421},
		{"behind a proxy with credentials of its own any name is right", Admin{Open: true}, true, "/", "tokrelay.example", nil, 200},
		{"without credentials", Admin{Username: "ops", PasswordFile: password}, false, "/", "relay.example", nil, 401},
		{"metrics too", Admin{TokenFile: token}, false, "/metrics", "relay.example", nil, 401},
		{"probes are open", Admin{TokenFile: token}, false, "/livez", "10.0.0.7:8080", nil, 200},
		{"name and password", Admin{Username: "ops", PasswordFile: password}, false, "/", "relay.example", basic, 200},
		{"of another name", Admin{Username: "root", PasswordFile: password}, false, "/", "relay.example", basic, 401},
		{"password where a token is wanted", Admin{TokenFile: token}, false, "/", "relay.example", basic, 401},
		{"token", Admin{TokenFile: token}, false, "/", "relay.example", withBearer("bearer t0ken"), 200},
		{"a viewer's token", Admin{Users: []User{{Name: "prometheus", Role: "viewer", TokenFile: token}}}, false, "/metrics", "relay.example", withBearer("Bearer t0ken"), 200},
		{"the second of two passwords", Admin{Users: []User{{Name: "root", PasswordFile: token}, {Name: "ops", PasswordFile: password}}}, false, "/", "relay.example", basic, 200},
		{"the password of another", Admin{Users: []User{{Name: "root", PasswordFile: password}, {Name: "ops", PasswordFile: token}}}, false, "/", "relay.example", basic, 401},
		{"a token as a password", Admin{Users: []User{{Name: "ops", TokenFile: password}}}, false, "/", "relay.example", basic, 401},
		{"what the form is drawn with", Admin{TokenFile: token}, false, "/assets/style.css", "relay.example", nil, 200},
		{"wrong token", Admin{TokenFile: token}, false, "/", "relay.example", withBearer("Bearer t0ke"), 401},
		{"an empty file refuses every request", Admin{TokenFile: empty}, false, "/", "relay.example", withBearer("Bearer "), 401},
		{"a file that is not there neither", Admin{TokenFile: dir + "/none"}, false, "/", "relay.example", withBearer("Bearer t0ken"), 401},
		{"configured credentials count on loopback too", Admin{TokenFile: token}, true, "/", "127.0.0.1", nil, 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(&c.admin, c.loopback, "GET", c.path, c.host, c.request).Code; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func ask(a *Admin, loopback bool, method, path, host string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	a.guard(next, loopback, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func TestAChangedCredentialFileCountsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	admin := &Admin{TokenFile: path}
	old := func(r *http.Request) { r.Header.Set("Authorization", "Bearer old") }
	var got []int
	for _, token := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		got = append(got, ask(admin, false, "GET", "/", "relay.example", old).Code)
	}
	if got[0] != 200 || got[1] != 401 {
		t.Errorf("the old token is answered %v, want 200 before the change and 401 after", got)
	}
}

func TestAnotherSitesPageCannotChangeAnything(t *testing.T) {
	foreign := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	own := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }
	if got := ask(&Admin{}, true, "POST", "/replay", "localhost", foreign).Code; got != http.StatusForbidden {
		t.Errorf("a foreign POST is answered %d, want 403", got)
	}
	if got := ask(&Admin{}, true, "POST", "/replay", "localhost", own).Code; got != http.StatusOK {
		t.Errorf("the page's own POST is answered %d, want 200", got)
	}
	if w := ask(&Admin{Username: "ops", PasswordFile: "x"}, false, "GET", "/", "relay.example", nil); w.Header().Get("WWW-Authenticate") != `Basic realm="tokrelay", charset="UTF-8"` {
		t.Errorf("challenge: %q", w.Header().Get("WWW-Authenticate"))
	}
}
