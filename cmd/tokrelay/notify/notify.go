package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Notice is one thing that operators are told. It holds no personal data.
type Notice struct {
	Event   Event     `json:"event"`
	Group   string    `json:"group"` // kafka.group, which tells installations apart
	Sync    string    `json:"sync"`
	Kind    string    `json:"kind,omitempty"` // of the trouble
	Urgent  bool      `json:"needs_operator"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since,omitzero"` // of the trouble
	Version string    `json:"version"`
}

// Event is what has happened.
type Event string

const (
	Held     Event = "held"
	Resumed  Event = "resumed"
	Uploaded Event = "uploaded"
)

// Title is the notice in a line.
func (n Notice) Title() string {
	switch n.Event {
	case Held:
		return fmt.Sprintf("tokrelay: sync %s is held up (%s)", n.Sync, n.Kind)
	case Resumed:
		return fmt.Sprintf("tokrelay: sync %s goes on (%s)", n.Sync, n.Kind)
	}
	return fmt.Sprintf("tokrelay: sync %s has uploaded its audience", n.Sync)
}

// Channel is a way to tell. Send's error says what the receiver answered, never where it is: addresses of webhooks are secrets.
type Channel struct {
	Name string
	Send func(ctx context.Context, n Notice) error
}

// Channels are those that are configured.
func (c *Config) Channels() (list []Channel) {
	if c.SlackWebhook != "" || c.SlackWebhookFile != "" {
		list = append(list, Channel{"slack", c.slack})
	}
	if c.PagerDutyKey != "" || c.PagerDutyKeyFile != "" {
		list = append(list, Channel{"pagerduty", c.pagerDuty})
	}
	if c.Webhook != "" || c.WebhookFile != "" {
		list = append(list, Channel{"webhook", c.webhook})
	}
	if c.Email != nil {
		list = append(list, Channel{"email", c.Email.send})
	}
	return list
}

var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (c *Config) slack(ctx context.Context, n Notice) error {
	return postTo(ctx, c.SlackWebhook, c.SlackWebhookFile, map[string]string{"text": "*" + slackText.Replace(n.Title()) + "*\n" + slackText.Replace(n.Text)})
}

func (c *Config) webhook(ctx context.Context, n Notice) error {
	return postTo(ctx, c.Webhook, c.WebhookFile, n)
}

// pagerDuty opens an incident, and closes it by the same key.
func (c *Config) pagerDuty(ctx context.Context, n Notice) error {
	if n.Event == Uploaded {
		return nil
	}
	key, err := secret(c.PagerDutyKey, c.PagerDutyKeyFile)
	if err != nil {
		return err
	}
	action, severity := "trigger", "warning"
	if n.Event == Resumed {
		action = "resolve"
	}
	if n.Urgent {
		severity = "critical"
	}
	return post(ctx, strings.TrimSuffix(c.PagerDutyURL, "/")+"/v2/enqueue", map[string]any{
		"routing_key": key, "event_action": action, "dedup_key": strings.Join([]string{"tokrelay", n.Group, n.Sync, n.Kind}, "/"),
		"payload": map[string]any{"summary": cut(n.Title()+": "+n.Text, 1024), "source": n.Group, "component": n.Sync, "class": n.Kind, "severity": severity},
	})
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

func postTo(ctx context.Context, inline settings.Secret, file string, doc any) error {
	address, err := secret(inline, file)
	if err != nil {
		return err
	}
	return post(ctx, address, doc)
}

// sendWithin is the time of one notice.
const sendWithin = 15 * time.Second

// post sends a document. A redirect is an answer like any other: it may lead anywhere.
func post(ctx context.Context, address string, doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return errors.New("the address is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tokrelay")
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := stay.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode >= 300 {
		return fmt.Errorf("answered HTTP status %d", answer.StatusCode)
	}
	return nil
}
