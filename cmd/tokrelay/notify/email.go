package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"
)

// send writes one mail by the standard library's SMTP, which takes its time limit from the connection.
func (e *Email) send(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	client, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := e.deliver(client, n); err != nil {
		return err
	}
	return client.Quit()
}

func (e *Email) dial(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, err
	}
	secured := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Server)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if port == "465" {
		conn = tls.Client(conn, secured)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := e.enter(client, host, secured); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// enter encrypts the connection where the server can, and logs in. PlainAuth itself refuses to without TLS, except to localhost.
func (e *Email) enter(client *smtp.Client, host string, secured *tls.Config) error {
	if offered, _ := client.Extension("STARTTLS"); offered {
		if err := client.StartTLS(secured); err != nil {
			return err
		}
	}
	if e.Username == "" {
		return nil
	}
	password, err := secret(e.Password, e.PasswordFile)
	if err != nil {
		return err
	}
	return client.Auth(smtp.PlainAuth("", e.Username, password, host))
}

func (e *Email) deliver(client *smtp.Client, n Notice) error {
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return err
	}
	if err := client.Mail(from.Address); err != nil {
		return err
	}
	for _, text := range e.To {
		to, err := mail.ParseAddress(text)
		if err != nil {
			return err
		}
		if err := client.Rcpt(to.Address); err != nil {
			return err
		}
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(e.message(n, time.Now())); err != nil {
		return err
	}
	return body.Close()
}

// message has no line of a notice's in its head but the subject, which is encoded.
func (e *Email) message(n Notice, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n", e.From, strings.Join(e.To, ", "), mime.QEncoding.Encode("utf-8", n.Title()), now.Format(time.RFC1123Z))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n\r\n")
	text := quotedprintable.NewWriter(&b)
	fmt.Fprintf(text, "%s\r\n\r\nGroup %s, sync %s", n.Text, n.Group, n.Sync)
	if !n.Since.IsZero() {
		fmt.Fprintf(text, ", since %s", n.Since.UTC().Format(time.RFC3339))
	}
	fmt.Fprint(text, "\r\n")
	_ = text.Close() // a buffer takes all
	return b.Bytes()
}
