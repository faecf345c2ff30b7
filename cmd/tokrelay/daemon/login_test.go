package daemon

import (
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// browser asks as one does: with cookies, following redirects, and saying that it wants a page.
type browser struct {
	t   *testing.T
	url string
	jar http.CookieJar
}

// newBrowser opens a site that answers with who it takes the caller for.
func newBrowser(t *testing.T, a *Admin) *browser {
	site := httptest.NewServer(a.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := CallerOf(r.Context())
		_, _ = w.Write([]byte("caller=" + c.Name + " at " + r.URL.RequestURI()))
	}), true, slog.New(slog.DiscardHandler)))
	t.Cleanup(site.Close)
	jar, _ := cookiejar.New(nil)
	return &browser{t, site.URL, jar}
}

func (b *browser) do(method, path string, form url.Values) (status int, body string, header http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := (&http.Client{Jar: b.jar}).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	var text strings.Builder
	_ = answer.Write(&text)
	return answer.StatusCode, text.String(), answer.Header
}

func secretFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestABrowserLogsInWithATokenAloneAndOutAgain(t *testing.T) {
	token := secretFile(t, "t0ken\n")
	b := newBrowser(t, &Admin{TokenFile: token})
	status, form, header := b.do("GET", "/calls?sync=a", nil)
	if status != 401 || !strings.Contains(form, `name="secret"`) || !strings.Contains(form, `value="/calls?sync=a"`) || strings.Contains(form, `name="name"`) {
		t.Fatalf("got %d and no form for a token, or one that forgets the way: %s", status, form)
	}
	if got := header.Get("WWW-Authenticate"); strings.HasPrefix(got, "Basic") {
		t.Errorf("the browser would ask on its own, before the form: %s", got)
	}
	if status, page, _ := b.do("POST", "/login", url.Values{"secret": {"wrong"}, "next": {"/calls"}}); status != 401 || !strings.Contains(page, `role="alert"`) || !strings.Contains(page, `value="/calls"`) {
		t.Errorf("a wrong token: got %d: %s", status, page)
	}
	if status, page, _ := b.do("POST", "/login", url.Values{"secret": {" t0ken "}, "next": {"/calls?sync=a"}}); status != 200 || !strings.Contains(page, "caller=token at /calls?sync=a") {
		t.Fatalf("the token: got %d: %s", status, page)
	}
	if status, page, _ := b.do("GET", "/", nil); status != 200 || !strings.Contains(page, "caller=token") {
		t.Errorf("logged in: got %d: %s", status, page)
	}
	if status, _, _ := b.do("POST", "/logout", nil); status != 401 {
		t.Errorf("after the logout the start is answered %d, want the form", status)
	}
}

func TestASessionCookieIsOutOfReachOfScriptsAndOtherSitesAndEndsWithItsCredential(t *testing.T) {
	path := secretFile(t, "sesame")
	admin := &Admin{Users: []User{{Name: "anna b", Role: "operator", PasswordFile: path}, {Name: "eve", PasswordFile: secretFile(t, "sesame")}}}
	form := func(r *http.Request) {
		r.Method, r.Body = "POST", http.NoBody
		r.PostForm = url.Values{"name": {"anna b"}, "secret": {"sesame"}}
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	w := ask(admin, false, "POST", "/login", "relay.example", form)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || !cookies[0].Secure || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].MaxAge <= 0 {
		t.Fatalf("got cookies %v of an answer %d", cookies, w.Code)
	}
	with := func(value string) int {
		return ask(admin, false, "GET", "/", "relay.example", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: value})
		}).Code
	}
	value := cookies[0].Value
	end, rest, _ := strings.Cut(value, ".")
	for name, c := range map[string]struct {
		value string
		want  int
	}{
		"as given": {value, 200}, "another name": {strings.Replace(value, "anna+b", "eve", 1), 401}, "a later end": {end + "9." + rest, 401},
		"no signature": {end + "..anna+b", 401}, "expired": {"1" + strings.TrimPrefix(value, end), 401}, "nothing": {"", 401}, "dots": {"...", 401},
	} {
		if got := with(c.value); got != c.want {
			t.Errorf("%s: answered %d, want %d", name, got, c.want)
		}
	}
	if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := with(value); got != 401 {
		t.Errorf("a session of a password that changed is answered %d, want 401", got)
	}
}

func TestALoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/calls?sync=a": "/calls?sync=a", "": "/", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "calls": "/", "/%zz": "/",
	} {
		if got := within(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func TestAViewerLooksAndAnOperatorActs(t *testing.T) {
	admin := &Admin{Users: []User{{Name: "eve", Role: "viewer", TokenFile: secretFile(t, "look")}, {Name: "anna", Role: "operator", TokenFile: secretFile(t, "act")}}}
	for path, viewers := range map[string]int{"/syncs/a/pause": 403, "/replay/plan": 403, "/anything/new": 403, "/search": 200, "/preview": 200} {
		for token, want := range map[string]int{"look": viewers, "act": 200} {
			got := ask(admin, false, "POST", path, "relay.example", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }).Code
			if got != want {
				t.Errorf("POST %s to %s is answered %d, want %d", path, token, got, want)
			}
		}
	}
	if got := (Caller{Name: "anna"}).On("the page of a"); got != "anna on the page of a" {
		t.Errorf("an order is by %q", got)
	}
}

func TestCredentialsThatCannotBeToldApartAreRefused(t *testing.T) {
	r := problemsOf(t, `admin: {listen: "0.0.0.0:8080", token_file: /t, users: [{name: token, token_file: /u}, {name: a, token_file: /u, password_file: /p}, {name: b}, {token_file: /x}, {name: a, token_file: /y}, {name: c, role: root, token_file: /z}]}`)
	for _, path := range []string{"admin.users[0].name", "admin.users[1]", "admin.users[2]", "admin.users[3].name", "admin.users[4].name", "admin.users[5].role"} {
		if !slices.Contains(r, path) {
			t.Errorf("no problem at %s: %v", path, r)
		}
	}
}

func problemsOf(t *testing.T, text string) (paths []string) {
	t.Helper()
	_, report := Parse([]byte(text), settings.Lookup{})
	for _, p := range report.Problems() {
		paths = append(paths, p.Path)
	}
	return paths
}
