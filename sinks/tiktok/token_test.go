package tiktok

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestATokenFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	token, at := FileToken(path), time.Now().Add(-time.Hour)
	if _, err := token.Read(); err != errNoToken {
		t.Errorf("without a file: got %v, want %v", err, errNoToken)
	}
	for i, text := range []string{"first\n", "second", " third \r\n"} {
		write(t, path, text, at.Add(time.Duration(i)*time.Second))
		if got, err := token.Read(); err != nil || got != strings.TrimSpace(text) {
			t.Errorf("got %q, %v, want %q", got, err, strings.TrimSpace(text))
		}
	}
	write(t, path, "two words", at.Add(time.Minute))
	if got, err := token.Read(); err == nil || strings.Contains(err.Error(), "words") {
		t.Errorf("two words: got %q, %v, want an error without them", got, err)
	}
}

func TestAGrantIsStoredForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens", "main.json")
	want := Grant{AccessToken: "tok", AdvertiserIDs: []string{"7"}, Scope: []int64{31}}
	if err := want.Store(path); err != nil {
		t.Fatalf("Store: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
	got, err := LoadGrant(path)
	if err != nil || got.AccessToken.Reveal() != "tok" || fmt.Sprint(got.Scope) != "[31]" {
		t.Errorf("LoadGrant: got %+v, %v", got, err)
	}
	if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, "tok\"") || strings.Contains(s, "{tok") {
		t.Errorf("a grant prints its token: %s", s)
	}
	if token, err := TokenOf(Config{}, path).Read(); err != nil || token != "tok" {
		t.Errorf("TokenOf: got %q, %v, want tok", token, err)
	}
}

func TestWithoutATokenACallIsDenied(t *testing.T) {
	c, err := New(settings.WithDefaults(Config{BaseURL: "http://127.0.0.1:1"}), TokenOf(Config{}, ""))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Post(t.Context(), "/event/track/", []byte(`{}`))
	if a.Verdict != pipeline.Denied || !strings.Contains(a.Message, "auth login") {
		t.Errorf("got %v %q, want denied with what to do", a.Verdict, a.Message)
	}
}

func TestValidateReportsEveryProblem(t *testing.T) {
	const text = `
advertiser_id: "12a"
access_token: ${T}
access_token_file: /run/token
base_url: ftp://x
proxy: proxy.example:3128
calls_in_flight: 1000
limits: {events: -1, segment: 100}
`
	var c Config
	report := settings.Load([]byte(text), &c, settings.Vars(map[string]string{"T": "Bearer x"}))
	c.Validate(settings.Root(report))
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	want := "advertiser_id access_token access_token base_url proxy calls_in_flight limits.events limits.segment"
	if strings.Join(got, " ") != want {
		t.Errorf("problems at: got %v, want %s", got, want)
	}
}
