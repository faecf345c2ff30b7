package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// login runs auth login --no-browser; paste turns the printed address into the line that is pasted.
func login(t *testing.T, home string, paste func(address string) string) (printed string, err error) {
	t.Helper()
	tiktok := httptest.NewServer(sandbox.New(sandbox.Config{}))
	t.Cleanup(tiktok.Close)
	t.Setenv("TOKRELAY_HOME", home)
	config := filepath.Join(t.TempDir(), "c.yaml")
	text := strings.NewReplacer("TIKTOK", tiktok.URL, "APP", sandbox.DefaultAppID, "SECRET", sandbox.DefaultAppSecret).Replace(`
kafka: {brokers: ["127.0.0.1:1"]}
connections: {main: {base_url: "TIKTOK", app_id: "APP", secret: "SECRET"}}
syncs: [{name: s, topic: t, web_events: {pixel_code: P, event: Purchase, fields: {event_time: at, user.email: email, page.url: url}}}]
`)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stdin, answer := io.Pipe()
	asked, stderr := io.Pipe()
	go func() {
		lines := bufio.NewScanner(asked)
		for lines.Scan() {
			if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, "http") {
				answer.Write([]byte(paste(address) + "\n"))
			}
		}
	}()
	var out strings.Builder
	root := command()
	root.SetArgs([]string{"auth", "login", "-c", config, "--no-browser"})
	root.SetIn(stdin)
	root.SetOut(&out)
	root.SetErr(stderr)
	err = root.ExecuteContext(t.Context())
	stderr.Close()
	return out.String(), err
}

// consent follows TikTok's page of consent to where it sends the browser.
func consentOn(t *testing.T, address string) string {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(address)
	if err != nil {
		t.Error(err)
		return ""
	}
	answer.Body.Close()
	return answer.Header.Get("Location")
}

func TestAPastedAnswerIsExchanged(t *testing.T) {
	home := t.TempDir()
	printed, err := login(t, home, func(address string) string { return consentOn(t, address) })
	if err != nil || !strings.Contains(printed, "connected") {
		t.Fatalf("got error %v and %q, want a connection", err, printed)
	}
	info, err := os.Stat(filepath.Join(home, "tokens", "main.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: got %v, %v; want mode 0600", info, err)
	}
}

func TestAnAnswerOfAnotherLoginIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		paste func(t *testing.T, address string) string
		want  string
	}{
		{"another state", func(t *testing.T, address string) string {
			u, _ := url.Parse(consentOn(t, address))
			q := u.Query()
			q.Set("state", "of someone else")
			u.RawQuery = q.Encode()
			return u.String()
		}, "does not belong to this login"},
		{"no state", func(*testing.T, string) string { return "http://127.0.0.1:8765/callback?auth_code=stolen" }, "does not belong to this login"},
		{"no code", func(t *testing.T, address string) string {
			u, _ := url.Parse(address)
			return "http://127.0.0.1:8765/callback?state=" + u.Query().Get("state")
		}, "has no code"},
		{"no address", func(*testing.T, string) string { return "hello" }, "that is not an address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			_, err := login(t, home, func(address string) string { return c.paste(t, address) })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "stolen") {
				t.Errorf("the error tells the code: %v", err)
			}
			if _, err := os.Stat(filepath.Join(home, "tokens", "main.json")); err == nil {
				t.Error("a token was stored")
			}
		})
	}
}

func TestTheLoopbackWaitsForItsOwnAnswer(t *testing.T) {
	answers := make(chan url.Values, 1)
	server := httptest.NewServer(receive("/callback", consent{state: "ours"}, answers))
	defer server.Close()
	for _, c := range []struct {
		query string
		want  int
	}{{"state=theirs&auth_code=x", 400}, {"auth_code=x", 400}, {"state=ours&auth_code=y", 200}, {"state=ours&auth_code=z", 409}} {
		answer, err := http.Get(server.URL + "/callback?" + c.query)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: got %d, want %d", c.query, answer.StatusCode, c.want)
		}
	}
	if got := (<-answers).Get("auth_code"); got != "y" {
		t.Errorf("the answer has code %q, want y", got)
	}
}
