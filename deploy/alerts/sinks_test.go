//go:build alerts

package alerts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
)

// Channels.
const (
	slack     = "Slack"
	pagerDuty = "PagerDuty"
	email     = "e-mail"
	sms       = "SMS (SNS)"
	webhook   = "webhook"
)

var (
	pages = []string{pagerDuty, email, sms, webhook}
	every = append([]string{slack}, pages...)
)

// notice is a message that reached someone.
type notice struct {
	channel  string
	resolved bool
	text     string
}

// people receive notices over every channel.
type people struct {
	t    *testing.T
	http *httptest.Server
	smtp net.Listener

	mu      sync.Mutex
	notices []notice
}

func newPeople(t *testing.T) *people {
	p := &people{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack", p.slack)
	mux.HandleFunc("POST /pagerduty", p.pagerDuty)
	mux.HandleFunc("POST /sns/", p.sns)
	mux.HandleFunc("POST /alerts", p.webhook)
	p.http = httptest.NewServer(mux)
	var err error
	if p.smtp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go p.serveMail()
	t.Cleanup(func() { p.http.Close(); p.smtp.Close() })
	return p
}

func (p *people) add(n notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notices = append(p.notices, n)
}

// heard are the notices of a channel in which all words stand.
func (p *people) heard(channel string, resolved bool, words ...string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.notices {
		fits := one.channel == channel && one.resolved == resolved
		for _, w := range words {
			fits = fits && strings.Contains(one.text, w)
		}
		if fits {
			n++
		}
	}
	return n
}

// all is every notice so far, for a failed test.
func (p *people) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, n := range p.notices {
		fmt.Fprintf(&b, "%s resolved=%t: %.300s\n", n.channel, n.resolved, strings.ReplaceAll(n.text, "\n", " | "))
	}
	return b.String()
}

func (p *people) slack(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Channel     string
		Attachments []struct{ Title, Text, Color string }
	}
	p.decode(r, &m)
	for _, a := range m.Attachments {
		p.add(notice{slack, strings.HasPrefix(a.Title, "[RESOLVED]"), m.Channel + " " + a.Title + "\n" + a.Text})
	}
	fmt.Fprint(w, "ok")
}

func (p *people) pagerDuty(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Key     string `json:"routing_key"`
		Action  string `json:"event_action"`
		Payload struct{ Summary, Severity, Class, Group string }
	}
	p.decode(r, &m)
	if m.Key != "the-routing-key" {
		p.t.Errorf("PagerDuty was called with another routing key")
	}
	p.add(notice{pagerDuty, m.Action == "resolve", strings.Join([]string{m.Payload.Severity, m.Payload.Class, m.Payload.Group, m.Payload.Summary}, " ")})
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"status":"success"}`)
}

func (p *people) sns(w http.ResponseWriter, r *http.Request) {
	message := r.FormValue("Message")
	if r.FormValue("PhoneNumber") == "" || !strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
		p.t.Errorf("SNS was called without a number or a signature")
	}
	p.add(notice{sms, strings.HasPrefix(message, "Resolved: "), message})
	fmt.Fprint(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
}

func (p *people) webhook(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Status       string
		CommonLabels map[string]string
		Alerts       []struct{ Annotations map[string]string }
	}
	p.decode(r, &m)
	text := m.CommonLabels["severity"] + " " + m.CommonLabels["alertname"] + " " + m.CommonLabels["sync"]
	for _, a := range m.Alerts {
		text += "\n" + a.Annotations["summary"] + "\n" + a.Annotations["runbook_url"]
	}
	p.add(notice{webhook, m.Status == "resolved", text})
}

func (p *people) decode(r *http.Request, into any) {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		p.t.Errorf("%s: %v", r.URL.Path, err)
	}
}

// serveMail speaks as much SMTP as a relay on loopback is asked for.
func (p *people) serveMail() {
	for {
		c, err := p.smtp.Accept()
		if err != nil {
			return
		}
		go p.receive(c)
	}
}

func (p *people) receive(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 sink\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line); {
		case strings.HasPrefix(verb, "DATA"):
			fmt.Fprint(c, "354 go\r\n")
			p.letter(in)
			fmt.Fprint(c, "250 ok\r\n")
		case strings.HasPrefix(verb, "QUIT"):
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// letter reads one letter up to the line that is a dot.
func (p *people) letter(in *bufio.Reader) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		b.WriteString(line)
	}
	m, err := mail.ReadMessage(strings.NewReader(b.String()))
	if err != nil {
		p.t.Errorf("read a letter: %v", err)
		return
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		p.t.Errorf("read a letter's body: %v", err)
	}
	subject := m.Header.Get("Subject")
	p.add(notice{email, strings.HasPrefix(subject, "[RESOLVED]"), m.Header.Get("To") + " " + subject + "\n" + string(body)})
}
