package tiktok

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	apiPath   = "/open_api/v1.3"
	maxAnswer = 16 << 20 // bytes of a response that are read
)

// Client makes API calls for one connection. Every method gives an Answer and never an error: what went wrong is in it.
// It is safe for concurrent use.
type Client struct {
	base    string
	http    http.RoundTripper
	timeout time.Duration
	gzip    bool
	token   *Token
	zippers sync.Pool
	zipped  atomic.Int32 // whether the other side reads compressed calls: what zipUntried and its neighbours say
}

// New makes a client. It fails for a certificate file that cannot be used.
func New(c Config, token *Token) (*Client, error) {
	if c.Transport != nil {
		return NewOver(c, token, c.Transport), nil
	}
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	return NewOver(c, token, &renewed{age: oldestConnection, transport: transport, until: time.Now().Add(oldestConnection)}), nil
}

// NewOver makes a client over a transport of the caller's, which must close every request's body: the sandbox's, for example.
func NewOver(c Config, token *Token, transport http.RoundTripper) *Client {
	return &Client{
		base:    strings.TrimSuffix(strings.TrimSuffix(c.BaseURL, "/"), apiPath) + apiPath,
		http:    transport,
		timeout: c.Timeout.Std(), gzip: c.Gzip, token: token,
	}
}

// newTransport keeps one HTTP/1.1 connection per call in flight. HTTP/2 would put all calls on one connection, where a
// lost packet holds up every one of them, and spares nothing: bodies are large and headers few.
func newTransport(c Config) (*http.Transport, error) {
	roots, err := authorities(c.CAFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                 proxy(c.Proxy),
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConns:          2 * c.CallsInFlight,
		MaxIdleConnsPerHost:   2 * c.CallsInFlight,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: c.Timeout.Std(),
		Protocols:             http1(),
		WriteBufferSize:       64 << 10,
	}, nil
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

func proxy(fixed string) func(*http.Request) (*url.URL, error) {
	if fixed == "" {
		return http.ProxyFromEnvironment
	}
	return func(*http.Request) (*url.URL, error) { return url.Parse(fixed) }
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read ca_file: no PEM certificate in it")
	}
	return pool, nil
}

// Close closes the connections that no call uses.
func (c *Client) Close() {
	if t, ok := c.http.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Post sends a JSON body to an endpoint ("/event/track/") and may be given the same memory again once it returned.
func (c *Client) Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer {
	r := request{endpoint: endpoint, body: body, contentType: "application/json", auth: true}
	if !c.gzip {
		return c.send(ctx, r)
	}
	return c.postZipped(ctx, r)
}

// Get asks an endpoint; Data decodes what it answers.
func (c *Client) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	return c.send(ctx, request{endpoint: endpoint, query: query, auth: true})
}

// Clock is the time at TikTok, to the second: event times are judged by it. It asks without a token.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/user/info/", nil)
	if err != nil {
		return time.Time{}, errors.New("ask for the time: check base_url")
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return time.Time{}, errors.New("ask for the time: no answer (" + Unanswered(err).Network + ")")
	}
	resp.Body.Close()
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("ask for the time: the answer has no date")
	}
	return t, nil
}
