package tiktok

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// request is one call, before the token is added.
type request struct {
	endpoint    string
	query       url.Values
	body        []byte
	stream      io.Reader // instead of body, read once
	length      int64     // of stream
	contentType string
	encoding    string
	auth        bool
}

// send makes the call and reads its answer. It asks for the token for each call, so that a changed one counts at once.
func (c *Client) send(ctx context.Context, r request) pipeline.Answer {
	began := time.Now()
	token, err := c.tokenFor(r)
	if err != nil {
		return pipeline.Answer{Verdict: pipeline.Denied, Scope: pipeline.ScopeApp, Message: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	a := c.exchange(ctx, r, token)
	a.Duration = time.Since(began)
	if token != "" {
		withoutToken(&a, token)
	}
	return a
}

// withoutToken takes the token out of all that an answer may repeat: logs, dead letters, the page and the calls topic have it.
func withoutToken(a *pipeline.Answer, token string) {
	a.Message = strings.ReplaceAll(a.Message, token, hidden)
	a.Field = strings.ReplaceAll(a.Field, token, hidden)
	if strings.Contains(a.RequestID, token) {
		a.RequestID = ""
	}
	if len(token) >= minHex { // a shorter one is none of TikTok's, and may be part of any word
		a.Body = bytes.ReplaceAll(a.Body, []byte(token), []byte(hidden))
	}
}

func (c *Client) tokenFor(r request) (string, error) {
	if !r.auth {
		return "", nil
	}
	return c.token.Read()
}

// exchange returns only after net/http is done with the body: it may go on reading it after a response or an error, and
// the caller is about to use its memory again.
func (c *Client) exchange(ctx context.Context, r request, token string) pipeline.Answer {
	var open sync.WaitGroup
	defer open.Wait()
	req, err := c.request(ctx, r, &open)
	if err != nil {
		return pipeline.Answer{Verdict: pipeline.Broken, Message: "the request cannot be made: check base_url"}
	}
	if token != "" {
		req.Header.Set("Access-Token", token)
	}
	// RoundTrip and not Client.Do, which follows redirects with the token, and opens a body for them that it never closes.
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return Unanswered(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a := Classify(resp.StatusCode, body, err)
	a.RetryAfter = retryAfter(resp.Header, time.Now())
	return a
}

// retryAfter is what a response asks to wait: a number of seconds, or a time. TikTok itself never asks; a gateway may.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 24*60*60)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

func (c *Client) request(ctx context.Context, r request, open *sync.WaitGroup) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method(), c.base+r.endpoint, nil)
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = r.query.Encode()
	req.Header.Set("User-Agent", "tokrelay")
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.encoding != "" {
		req.Header.Set("Content-Encoding", r.encoding)
	}
	r.attach(req, open)
	return req, nil
}

func (r *request) method() string {
	if r.contentType == "" {
		return http.MethodGet
	}
	return http.MethodPost
}

// attach gives the request its body. A body in memory can be sent again on a fresh connection when the old one turns
// out to be closed before anything was written; net/http does that by itself.
func (r *request) attach(req *http.Request, open *sync.WaitGroup) {
	switch {
	case r.stream != nil:
		req.Body, req.ContentLength = watch(r.stream, open), r.length
	case r.body != nil:
		req.GetBody = func() (io.ReadCloser, error) { return watch(bytes.NewReader(r.body), open), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = int64(len(r.body))
	}
}

// watched is a body that says when net/http is done with it.
type watched struct {
	io.Reader
	done func()
}

func watch(r io.Reader, open *sync.WaitGroup) *watched {
	open.Add(1)
	return &watched{r, sync.OnceFunc(open.Done)}
}

func (w *watched) Close() error {
	w.done()
	return nil
}
