package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/oauth2"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/reach"
)

// maxAnswer bounds what is read of one answer: a schema of the largest size, as a JSON string with everything escaped.
const maxAnswer = 4 * avro.MaxSchemaText

// client is the HTTP side of the Registry. Base paths are kept and addresses tried in turn by franz-go's client; what
// is here makes it try the next address on a server's error too, bounds answers, and tells what an answer means.
type client struct {
	sr      *sr.Client
	hosts   string // for people
	metrics *Metrics
}

func newClient(cfg Config, urls []string, transport http.RoundTripper, m *Metrics) (*client, error) {
	limited := func(t http.RoundTripper) *http.Client { return &http.Client{Transport: t, Timeout: cfg.Timeout.Std()} }
	c, err := sr.NewClient(
		sr.URLs(urls...),
		sr.HTTPClient(limited(guard{transport})),
		sr.UserAgent("tokrelay"),
		sr.PreReq(cfg.preparer(limited(transport))),
	)
	return &client{sr: c, hosts: strings.Join(urls, ", "), metrics: m}, err
}

func (c Config) transport(given http.RoundTripper) (http.RoundTripper, error) {
	if given != nil {
		return given, nil
	}
	secure, err := c.TLS.Client()
	if err != nil {
		return nil, fmt.Errorf("set up schema_registry.tls: %w", err)
	}
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.TLSClientConfig = secure
	return own, nil
}

// preparer sets the headers of every request.
func (c Config) preparer(web *http.Client) authorizer {
	authorize := c.authorizer(web)
	return func(r *http.Request) error {
		r.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
		for name, value := range c.Headers {
			r.Header.Set(name, value.Reveal())
		}
		if err := authorize(r); err != nil {
			return &credentialsError{err}
		}
		return nil
	}
}

// credentialsError: there is nothing to log in with.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// guard is between franz-go's client and the network.
type guard struct{ next http.RoundTripper }

// serverError is a 5xx. As an error it makes the client go on to the next address.
type serverError struct{ status int }

func (e *serverError) Error() string { return "status " + strconv.Itoa(e.status) }

var errAnswerTooLarge = errors.New("the answer is larger than " + strconv.Itoa(maxAnswer) + " bytes")

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 500 {
		answer.Body.Close()
		return nil, &serverError{answer.StatusCode}
	}
	answer.Body = &boundedBody{answer.Body, maxAnswer}
	return answer, nil
}

// boundedBody is a body that fails once it has given more than is left.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errAnswerTooLarge
	}
	return n, err
}

// Answers that are not trouble. missing: the registry says it has no such thing. odd: it refuses the request in a way that
// may mean the same, or that the address is wrong.
var (
	errMissing = errors.New("the registry does not know it")
	errOdd     = errors.New("the registry refuses the request")
)

// get asks for a path. Errors are errMissing, errOdd, errAnswerTooLarge, the context's, or a *pipeline.Trouble.
func (c *client) get(ctx context.Context, what, path string, into any) error {
	start := time.Now()
	err := c.sr.Do(ctx, http.MethodGet, path, nil, into)
	result, err := c.meaning(ctx, what, err)
	c.metrics.fetched(result, time.Since(start))
	return err
}

// meaning reads an error of franz-go's client, for the metrics and for us.
func (c *client) meaning(ctx context.Context, what string, err error) (result string, meaning error) {
	switch {
	case err == nil:
		return "ok", nil
	case ctx.Err() != nil:
		return "error", ctx.Err()
	case errors.Is(err, errAnswerTooLarge):
		return "error", errAnswerTooLarge
	}
	if answer, ok := errors.AsType[*sr.ResponseError](err); ok {
		return c.refused(what, answer)
	}
	return "error", c.trouble(what, reasonOf(err))
}

// refused reads the status and error code of an answer.
func (c *client) refused(what string, answer *sr.ResponseError) (result string, meaning error) {
	status := "status " + strconv.Itoa(answer.StatusCode)
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return "unauthorized", c.trouble(what, status+": it refuses our credentials")
	case code == http.StatusNotFound && answer.ErrorCode >= 40401 && answer.ErrorCode <= 40499:
		return "not_found", errMissing
	case code >= 400 && code < 500 && code != http.StatusTooManyRequests && code != http.StatusRequestTimeout:
		return "not_found", errOdd
	}
	return "error", c.trouble(what, status)
}

func (c *client) trouble(what, reason string) *pipeline.Trouble {
	return &pipeline.Trouble{Kind: pipeline.TroubleRegistry, What: "ask the schema registry at " + c.hosts + " for " + what + ": " + reason}
}

// reasonOf is what went wrong, without the client's own words, which repeat the address.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*credentialsError](err); ok {
		return "get credentials: " + reasonOf(e.error)
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return strings.TrimSpace("status " + strconv.Itoa(e.Response.StatusCode) + " " + e.ErrorCode)
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if why, cure := reach.Explain(e.Err, reach.Settings{Address: "schema_registry.url", TLS: "schema_registry.tls", HTTP: true}); why != "" {
			return e.Err.Error() + ": " + why + ": " + cure
		}
		return e.Err.Error()
	}
	if isJSON(err) {
		return "the answer is not a registry's: is the path of the address right?"
	}
	return err.Error()
}

func isJSON(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, types := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || types
}
