// Package notify tells operators of syncs that are held up and go on, and of uploads, where there is no Alertmanager: by
// Slack, PagerDuty, e-mail or a webhook. What is told, and when, is the daemon's to say.
package notify

import (
	"net"
	"net/mail"
	"net/url"
	"os"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says who is told. Without a channel nothing is.
type Config struct {
	SlackWebhook     settings.Secret `yaml:"slack_webhook" doc:"Address of an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat)."`
	SlackWebhookFile string          `yaml:"slack_webhook_file" doc:"File that holds it."`
	PagerDutyKey     settings.Secret `yaml:"pagerduty_key" doc:"Integration key of a PagerDuty service (Events API v2). Uploads are not told there."`
	PagerDutyKeyFile string          `yaml:"pagerduty_key_file" doc:"File that holds it."`
	PagerDutyURL     string          `yaml:"pagerduty_url" default:"https://events.pagerduty.com" doc:"Where PagerDuty takes events; https://events.eu.pagerduty.com for accounts in the EU."`
	Webhook          settings.Secret `yaml:"webhook" doc:"Address that gets each notice as a JSON document."`
	WebhookFile      string          `yaml:"webhook_file" doc:"File that holds it."`
	Email            *Email          `yaml:"email" doc:"Tell by e-mail."`
}

// Email is a mail server and who is written to.
type Email struct {
	Server       string          `yaml:"server" doc:"host:port of the mail server: 587 and 25 use STARTTLS where it is offered, 465 uses TLS."`
	From         string          `yaml:"from" doc:"Sender."`
	To           []string        `yaml:"to" doc:"Recipients."`
	Username     string          `yaml:"username" doc:"Name to log in with; needs TLS."`
	Password     settings.Secret `yaml:"password" doc:"Its password."`
	PasswordFile string          `yaml:"password_file" doc:"File that holds the password."`
}

// Validate reports what cannot work.
func (c *Config) Validate(at settings.Place) {
	for key, pair := range map[string]struct {
		inline settings.Secret
		file   string
	}{"slack_webhook": {c.SlackWebhook, c.SlackWebhookFile}, "pagerduty_key": {c.PagerDutyKey, c.PagerDutyKeyFile}, "webhook": {c.Webhook, c.WebhookFile}} {
		if pair.inline != "" && pair.file != "" {
			at.Key(key).Problem("must not be given with "+key+"_file", "keep one of the two")
		}
		if key != "pagerduty_key" && pair.inline != "" && !isURL(pair.inline.Reveal()) {
			at.Key(key).Problem("must be an http(s) URL", "")
		}
	}
	if !isURL(c.PagerDutyURL) {
		at.Key("pagerduty_url").Problem("must be an http(s) URL", "leave it out for the default")
	}
	if c.Email != nil {
		c.Email.validate(at.Key("email"))
	}
}

func (e *Email) validate(at settings.Place) {
	if host, port, err := net.SplitHostPort(e.Server); err != nil || host == "" || port == "" {
		at.Key("server").Problem("must be host:port", "smtp.example.com:587")
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		at.Key("from").Problem("must be an e-mail address", "")
	}
	if len(e.To) == 0 {
		at.Key("to").Problem("required", "who is told")
	}
	for i, to := range e.To {
		if _, err := mail.ParseAddress(to); err != nil {
			at.Key("to").Index(i).Problem("must be an e-mail address", "")
		}
	}
	if (e.Username == "") != (e.Password == "" && e.PasswordFile == "") {
		at.Key("username").Problem("needs password or password_file, and they need it", "")
	}
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// secret is a secret as it is now: files are read at every use.
func secret(inline settings.Secret, file string) (string, error) {
	if file == "" {
		return inline.Reveal(), nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}
