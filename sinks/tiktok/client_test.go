package tiktok

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const testToken = "0123456789abcdef0123456789abcdef01234567"

func client(t *testing.T, c Config) *Client {
	t.Helper()
	client, err := New(settings.WithDefaults(c), FixedToken(testToken))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestPostSendsTheBodyWithTheRawToken(t *testing.T) {
	for _, zip := range []bool{false, true} {
		var got *http.Request
		var body []byte
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			in := io.Reader(r.Body)
			if r.Header.Get("Content-Encoding") == "gzip" {
				in, _ = gzip.NewReader(in)
			}
			body, _ = io.ReadAll(in)
			io.WriteString(w, `{"code":0,"message":"OK","request_id":"r1","data":{"x":7}}`)
		})
		a := client(t, Config{BaseURL: s.URL + "/", Gzip: zip}).Post(t.Context(), "/event/track/", []byte(`{"data":[]}`))
		if a.Verdict != pipeline.Accepted || a.RequestID != "r1" || a.Duration <= 0 {
			t.Errorf("answer: got %+v, want accepted, r1, with a duration", a)
		}
		if got.URL.Path != "/open_api/v1.3/event/track/" || got.Method != "POST" || got.Header.Get("Access-Token") != testToken || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("request: got %s %s %v", got.Method, got.URL, got.Header)
		}
		if string(body) != `{"data":[]}` || (got.Header.Get("Content-Encoding") == "gzip") != zip {
			t.Errorf("body: got %q, gzip %v, want it as given, gzip %v", body, got.Header.Get("Content-Encoding"), zip)
		}
		var data struct{ X int }
		if err := Data(&a, &data); err != nil || data.X != 7 {
			t.Errorf("Data: got %+v, %v, want 7", data, err)
		}
	}
}

// hijacked takes the connection over.
func hijacked(do func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			do(c)
			c.Close()
		}
	}
}

func TestWhatFailsBelowHTTPIsTriedAgain(t *testing.T) {
	cases := []struct {
		name    string
		network string
		do      func(net.Conn)
	}{
		{"reset", "reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }},
		{"closed without an answer", "closed", func(net.Conn) {}},
		{"closed in the answer's head", "closed", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 O") }},
		{"body shorter than said", "closed", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"code\":0,\"message\":\"OK\"}")
		}},
		{"chunks cut off", "closed", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{\"code\":0,\"message\":\"OK\"}\r\n")
		}},
		{"no HTTP at all", "other", func(c net.Conn) { io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, hijacked(c.do))
			a := client(t, Config{BaseURL: s.URL}).Post(t.Context(), "/event/track/", []byte(`{}`))
			if a.Verdict != pipeline.Retry || a.Network != c.network {
				t.Errorf("got %v %q, want retry %q", a.Verdict, a.Network, c.network)
			}
			if strings.Contains(a.Message, "127.0.0.1") {
				t.Errorf("message: got %q, want no address", a.Message)
			}
		})
	}
}

func TestASlowAnswerTimesOut(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"before its head": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"in its body": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, `{"code":0,`)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			a := client(t, Config{BaseURL: s.URL, Timeout: settings.Duration(50 * time.Millisecond)}).Post(t.Context(), "/event/track/", []byte(`{}`))
			if a.Verdict != pipeline.Retry || a.Network != "timeout" {
				t.Errorf("got %v %q, want retry after a timeout", a.Verdict, a.Network)
			}
		})
	}
}

func TestTroubleWithNamesAndPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cases := map[string]string{"http://" + l.Addr().String(): "refused", "http://no-such-host.invalid": "dns"}
	for base, want := range cases {
		a := client(t, Config{BaseURL: base}).Post(t.Context(), "/event/track/", []byte(`{}`))
		if a.Verdict != pipeline.Retry || a.Network != want {
			t.Errorf("%s: got %v %q, want retry %q", base, a.Verdict, a.Network, want)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"code":0,"message":"OK"}`)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	t.Run("a certificate nobody trusts needs someone", func(t *testing.T) {
		a := client(t, Config{BaseURL: s.URL}).Post(t.Context(), "/event/track/", []byte(`{}`))
		if a.Verdict != pipeline.Broken || a.Network != "certificate" {
			t.Errorf("got %v %q, want broken certificate", a.Verdict, a.Network)
		}
	})
	t.Run("one that ca_file trusts works", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "ca.pem")
		os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
		if a := client(t, Config{BaseURL: s.URL, CAFile: file}).Post(t.Context(), "/event/track/", []byte(`{}`)); a.Verdict != pipeline.Accepted {
			t.Errorf("got %v %q %s, want accepted", a.Verdict, a.Network, a.Message)
		}
	})
	t.Run("a server without TLS is tried again", func(t *testing.T) {
		plain := serve(t, func(http.ResponseWriter, *http.Request) {})
		a := client(t, Config{BaseURL: strings.Replace(plain.URL, "http:", "https:", 1)}).Post(t.Context(), "/event/track/", []byte(`{}`))
		if a.Verdict != pipeline.Retry || a.Network != "tls" {
			t.Errorf("got %v %q, want retry tls", a.Verdict, a.Network)
		}
	})
	t.Run("a ca_file without certificates is refused", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "ca.pem")
		os.WriteFile(file, []byte("nothing"), 0o600)
		if _, err := New(Config{CAFile: file}, nil); err == nil {
			t.Error("New: got nil, want an error")
		}
	})
}

func TestARedirectDoesNotTakeTheTokenAway(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	a := client(t, Config{BaseURL: s.URL}).Post(t.Context(), "/event/track/", []byte(`{}`))
	if a.Verdict != pipeline.Broken || elsewhere.Load() != 0 {
		t.Errorf("got %v and %d calls elsewhere, want broken and none", a.Verdict, elsewhere.Load())
	}
}

func TestACanceledCallSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody tells the server that the client has gone
		cancel()
		<-r.Context().Done() // an answer could come before the cancellation is noticed
	})
	a := client(t, Config{BaseURL: s.URL}).Post(ctx, "/event/track/", []byte(`{}`))
	if a.Verdict != pipeline.Retry || a.Network != "canceled" {
		t.Errorf("got %v %q, want retry canceled", a.Verdict, a.Network)
	}
}

// The body's memory is used again as soon as Post returns, also when the server answers before it has read it all: under
// the race detector this fails if net/http still reads it.
func TestTheBodyIsFreeWhenPostReturns(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"code":0,"message":"OK"}`) })
	c := client(t, Config{BaseURL: s.URL})
	body := bytes.Repeat([]byte("x"), 1<<20)
	for range 20 {
		c.Post(t.Context(), "/event/track/", body)
		for i := range body {
			body[i]++
		}
	}
}

func TestCallsInFlightHaveConnectionsThatStay(t *testing.T) {
	var mu sync.Mutex
	connections := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"code":0,"message":"OK"}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			connections++
			mu.Unlock()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t, Config{BaseURL: s.URL, CallsInFlight: 8})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if a := c.Post(t.Context(), "/event/track/", []byte(`{}`)); a.Verdict != pipeline.Accepted {
					t.Errorf("got %v %q", a.Verdict, a.Network)
				}
			}
		})
	}
	all.Wait()
	if connections > 16 {
		t.Errorf("connections for 400 calls, 8 at a time: got %d, want at most 16", connections)
	}
}

func TestAProxyIsUsed(t *testing.T) {
	var host string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		io.WriteString(w, `{"code":0,"message":"OK"}`)
	})
	a := client(t, Config{BaseURL: "http://tiktok.invalid", Proxy: proxy.URL}).Post(t.Context(), "/event/track/", []byte(`{}`))
	if a.Verdict != pipeline.Accepted || host != "tiktok.invalid" {
		t.Errorf("got %v through the proxy for %q, want accepted for tiktok.invalid", a.Verdict, host)
	}
}

func TestTheTokenIsInNoMessage(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"code":40105,"message":"Access token short is incorrect."}`))
	})
	c, err := New(settings.WithDefaults(Config{BaseURL: s.URL}), FixedToken("short"))
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Post(t.Context(), "/event/track/", []byte(`{}`)); a.Message != "Access token [redacted] is incorrect." {
		t.Errorf("message: got %q", a.Message)
	}
}

func TestATokenThatAnAnswerRepeatsAnywhereIsKeptNowhere(t *testing.T) {
	const token = "a1B2c3D4e5F6g7H8i9J0k1L2m3"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"code":40105,"message":"` + token + ` of ` + token + `","request_id":"` + token + `","data":{"token":"` + token + `"}}`))
	})
	c, err := New(settings.WithDefaults(Config{BaseURL: s.URL}), FixedToken(token))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Post(t.Context(), "/event/track/", []byte(`{}`))
	if kept := fmt.Sprintf("%+v %s", a, a.Body); strings.Contains(kept, token) {
		t.Errorf("the token is kept: %s", kept)
	}
	if a.Code != 40105 || !json.Valid(a.Body) {
		t.Errorf("got code %d and %s, want the rest of the answer", a.Code, a.Body)
	}
}

func TestUploadStreamsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "part-1.csv")
	content := strings.Repeat("848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f\n", 5000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		f, head, err := r.FormFile("file")
		if err != nil {
			t.Errorf("file: %v", err)
			return
		}
		h := md5.New()
		io.Copy(h, f)
		if got := hex.EncodeToString(h.Sum(nil)); got != r.FormValue("file_signature") || head.Filename != "part-1.csv" || r.ContentLength < int64(len(content)) {
			t.Errorf("got file %q of %s, length %d, want part-1.csv of %s", head.Filename, got, r.ContentLength, r.FormValue("file_signature"))
		}
		io.WriteString(w, `{"code":0,"message":"OK","data":{"file_path":"f19fa450136c460f"}}`)
	})
	sum := md5.Sum([]byte(content))
	c := client(t, Config{BaseURL: s.URL})
	a := c.Upload(t.Context(), "/dmp/custom_audience/file/upload/", []Part{{"advertiser_id", "7"}, {"file_signature", hex.EncodeToString(sum[:])}}, path)
	if a.Verdict != pipeline.Accepted {
		t.Errorf("got %v %s, want accepted", a.Verdict, a.Message)
	}
	if a := c.Upload(t.Context(), "/dmp/custom_audience/file/upload/", nil, path+".missing"); a.Verdict != pipeline.Broken {
		t.Errorf("a missing file: got %v, want broken", a.Verdict)
	}
}

func TestOAuth(t *testing.T) {
	answers := map[string]string{
		"/open_api/v1.3/oauth2/access_token/":   `{"code":0,"message":"OK","data":{"access_token":"new-token","advertiser_ids":["7","8"],"scope":[3,31,7224195155857866754]}}`,
		"/open_api/v1.3/oauth2/advertiser/get/": `{"code":0,"message":"OK","data":{"list":[{"advertiser_id":"7","advertiser_name":"Shop"}]}}`,
		"/open_api/v1.3/oauth2/revoke_token/":   `{"code":0,"message":"OK","data":{}}`,
		"/open_api/v1.3/user/info/":             `{"code":0,"message":"OK","data":{}}`,
	}
	seen := map[string]url.Values{}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fields := r.URL.Query()
		var body map[string]string
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			for k, v := range body {
				fields.Set(k, v)
			}
		}
		fields.Set("header", r.Header.Get("Access-Token"))
		seen[r.URL.Path] = fields
		io.WriteString(w, answers[r.URL.Path])
	})
	c, app := client(t, Config{BaseURL: s.URL}), App{ID: "app1", Secret: "s3cret"}

	grant, err := c.Exchange(t.Context(), app, "code1")
	if err != nil || grant.AccessToken.Reveal() != "new-token" || len(grant.AdvertiserIDs) != 2 || grant.Scope[2] != 7224195155857866754 {
		t.Errorf("Exchange: got %+v, %v", grant, err)
	}
	if got := seen["/open_api/v1.3/oauth2/access_token/"]; got.Get("auth_code") != "code1" || got.Get("secret") != "s3cret" || got.Get("app_id") != "app1" || got.Get("header") != "" {
		t.Errorf("Exchange sent %v", got)
	}
	list, err := c.Advertisers(t.Context(), app)
	if err != nil || len(list) != 1 || list[0] != (Advertiser{"7", "Shop"}) {
		t.Errorf("Advertisers: got %v, %v", list, err)
	}
	if err := c.Revoke(t.Context(), app); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if got := seen["/open_api/v1.3/oauth2/revoke_token/"]; got.Get("access_token") != testToken || got.Get("header") != testToken {
		t.Errorf("Revoke sent %v", got)
	}
	if a := c.UserInfo(t.Context()); a.Verdict != pipeline.Accepted {
		t.Errorf("UserInfo: got %v", a.Verdict)
	}
	if got, want := app.AuthorizeURL(s.URL, "http://127.0.0.1:9/cb", "st&1"), s.URL+"/portal/auth?app_id=app1&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&state=st%261"; got != want {
		t.Errorf("AuthorizeURL: got %s, want %s", got, want)
	}
}

func TestARefusedExchangeTellsNoSecret(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"code":40110,"message":"auth_code code1 and secret s3cret are bad","request_id":"r9"}`)
	})
	_, err := client(t, Config{BaseURL: s.URL}).Exchange(t.Context(), App{ID: "app1", Secret: "s3cret"}, "code1")
	want := "exchange the authorisation code: auth_code [redacted] and secret [redacted] are bad (40110, request r9)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheRedirectsCode(t *testing.T) {
	for query, want := range map[string]string{"auth_code=a&state=s": "a s", "code=b&state=s": "b s", "auth_code=a&code=b": "a "} {
		q, _ := url.ParseQuery(query)
		if code, state := CodeIn(q); code+" "+state != want {
			t.Errorf("%s: got %s %s, want %s", query, code, state, want)
		}
	}
}
