package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var held = Notice{Event: Held, Group: "shop", Sync: "web", Kind: "token", Urgent: true, Text: "TikTok refuses <the token> & says: 40105", Since: time.Unix(1e9, 0)}

// receiver keeps the bodies that it was sent, by path.
func receiver(t *testing.T, status int) (address string, got func(path string) []map[string]any) {
	var mu sync.Mutex
	kept := map[string][]map[string]any{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s got no JSON: %v", r.URL, err)
		}
		mu.Lock()
		defer mu.Unlock()
		kept[r.URL.Path] = append(kept[r.URL.Path], doc)
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, func(path string) []map[string]any { mu.Lock(); defer mu.Unlock(); return kept[path] }
}

func channel(t *testing.T, c *Config) Channel {
	t.Helper()
	all := c.Channels()
	if len(all) != 1 {
		t.Fatalf("got %d channels, want the one that is configured", len(all))
	}
	return all[0]
}

func TestSlackGetsATextWithItsSignsEscaped(t *testing.T) {
	address, got := receiver(t, 200)
	if err := channel(t, &Config{SlackWebhook: settings.Secret(address + "/services/T/B/x")}).Send(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	want := "*tokrelay: sync web is held up (token)*\nTikTok refuses &lt;the token&gt; &amp; says: 40105"
	if all := got("/services/T/B/x"); len(all) != 1 || all[0]["text"] != want {
		t.Errorf("got %v, want %s", all, want)
	}
}

func TestPagerDutyGetsAnIncidentAndItsEndUnderOneKeyAndNoUploads(t *testing.T) {
	address, got := receiver(t, 202)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("r0uting\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := channel(t, &Config{PagerDutyKeyFile: file, PagerDutyURL: address + "/"})
	over := held
	over.Event = Resumed
	for _, n := range []Notice{held, over, {Event: Uploaded, Sync: "file"}} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	all := got("/v2/enqueue")
	if len(all) != 2 || all[0]["event_action"] != "trigger" || all[1]["event_action"] != "resolve" || all[0]["dedup_key"] != "tokrelay/shop/web/token" ||
		all[0]["dedup_key"] != all[1]["dedup_key"] || all[0]["routing_key"] != "r0uting" || all[0]["payload"].(map[string]any)["severity"] != "critical" {
		t.Errorf("got %v", all)
	}
}

func TestAWebhookGetsTheNoticeAsItIs(t *testing.T) {
	address, got := receiver(t, 204)
	if err := channel(t, &Config{Webhook: settings.Secret(address)}).Send(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(held)
	want := map[string]any{}
	_ = json.Unmarshal(text, &want)
	if all := got("/"); len(all) != 1 || !reflect.DeepEqual(all[0], want) || want["event"] != "held" || want["needs_operator"] != true {
		t.Errorf("got %v, want %v", all, want)
	}
}

func TestAReceiverThatDoesNotTakeItIsAnErrorWithoutItsAddress(t *testing.T) {
	for _, status := range []int{302, 404, 500} {
		address, _ := receiver(t, status)
		err := channel(t, &Config{Webhook: settings.Secret(address + "/s3cret")}).Send(t.Context(), held)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("status %d: got %v", status, err)
		}
	}
	err := channel(t, &Config{Webhook: "http://127.0.0.1:1/s3cret"}).Send(t.Context(), held)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("nobody there: got %v", err)
	}
}

// mailbox is a mail server that takes one mail, and the lines it was told.
func mailbox(t *testing.T) (address string, told func() (commands []string, message string)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var commands []string
	var message strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "220 mail\r\n")
		lines := bufio.NewScanner(conn)
		for inData := false; lines.Scan(); {
			line := lines.Text()
			switch {
			case inData && line == ".":
				inData = false
				fmt.Fprint(conn, "250 taken\r\n")
			case inData:
				message.WriteString(line + "\r\n")
			case strings.HasPrefix(line, "EHLO"):
				fmt.Fprint(conn, "250-mail\r\n250 AUTH PLAIN\r\n")
			case strings.HasPrefix(line, "AUTH"):
				commands = append(commands, line)
				fmt.Fprint(conn, "235 welcome\r\n")
			case line == "DATA":
				inData = true
				fmt.Fprint(conn, "354 go on\r\n")
			case line == "QUIT":
				fmt.Fprint(conn, "221 bye\r\n")
				return
			default:
				commands = append(commands, line)
				fmt.Fprint(conn, "250 ok\r\n")
			}
		}
	}()
	return l.Addr().String(), func() ([]string, string) { <-done; return commands, message.String() }
}

func TestAMailReachesAllWhoAreToldAndItsHeadCannotBeWrittenByATrouble(t *testing.T) {
	address, told := mailbox(t)
	n := held
	n.Kind, n.Text = "kafka\r\nBcc: eve@example.com", "Kafka ist weg: größer\n.\nnoch da"
	c := channel(t, &Config{Email: &Email{Server: address, From: "Tokrelay <relay@example.com>", To: []string{"a@example.com", "B <b@example.com>"}, Username: "u", Password: "p"}})
	if err := c.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	commands, text := told()
	if got := strings.Join(commands, " "); !strings.Contains(got, "MAIL FROM:<relay@example.com>") || !strings.Contains(got, "RCPT TO:<a@example.com>") ||
		!strings.Contains(got, "RCPT TO:<b@example.com>") || strings.Contains(got, "eve") || !strings.Contains(got, "AUTH PLAIN") {
		t.Errorf("the server was told %s", got)
	}
	m, err := mail.ReadMessage(strings.NewReader(strings.ReplaceAll(text, "\r\n..", "\r\n.")))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
	if m.Header.Get("Bcc") != "" || !strings.Contains(string(body), "größer") || !strings.Contains(string(body), "noch da") {
		t.Errorf("got head %v and %s", m.Header, body)
	}
}

func TestAMailServerThatSaysNothingIsNotWaitedForLong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err = channel(t, &Config{Email: &Email{Server: l.Addr().String(), From: "a@example.com", To: []string{"b@example.com"}}}).Send(ctx, held)
	if err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestWhatCannotWorkIsFoundAtStart(t *testing.T) {
	for text, path := range map[string]string{
		"slack_webhook: nowhere":                                                        "slack_webhook",
		"{webhook: 'http://x.example', webhook_file: f}":                                "webhook",
		"pagerduty_url: ftp://x":                                                        "pagerduty_url",
		"email: {server: mail, from: a@b.example, to: [a@b.example]}":                   "email.server",
		"email: {server: 'mail:25', from: me, to: [a@b.example]}":                       "email.from",
		"email: {server: 'mail:25', from: a@b.example}":                                 "email.to",
		"email: {server: 'mail:25', from: a@b.example, to: [x]}":                        "email.to[0]",
		"email: {server: 'mail:25', from: a@b.example, to: [a@b.example], username: u}": "email.username",
	} {
		c := struct {
			Notify Config `yaml:"notify"`
		}{}
		report := settings.Load([]byte("notify: "+strings.ReplaceAll(text, "\n", "\n  ")), &c, settings.Lookup{})
		if !strings.HasPrefix(text, "{") {
			report = settings.Load([]byte("notify:\n  "+text), &c, settings.Lookup{})
		}
		c.Notify.Validate(settings.Root(report).Key("notify"))
		if err := report.Err(); err == nil || !strings.Contains(err.Error(), "notify."+path) {
			t.Errorf("%s: got %v, want a problem of %s", text, err, path)
		}
	}
}
