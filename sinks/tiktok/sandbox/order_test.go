package sandbox

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestTheGatewayAnswersAsDocumented(t *testing.T) {
	cases := []struct {
		name, method, path string
		status, code       int
		text               string
	}{
		{"no trailing slash", "POST", base + "/event/track", 404, 0, "404 page not found"},
		{"an unknown path", "POST", base + "/event/trace/", 404, 0, "404 page not found"},
		{"no path", "GET", "/", 404, 0, "404 page not found"},
		{"a wrong method", "GET", base + "/event/track/", 405, 0, "405"},
		{"an old version", "POST", "/open_api/v1.2/pixel/track/", 200, 40051, "version"},
		{"another version", "POST", "/open_api/v1.4/event/track/", 404, 0, "404 page not found"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, New(quiet()), c.method, c.path, web(ev()))
			if got.Status != c.status || got.Code != c.code || !strings.Contains(got.Raw, c.text) {
				t.Errorf("got %s, want HTTP %d, code %d, %q", got, c.status, c.code, c.text)
			}
		})
	}
}

func TestEveryCallIsAuthenticatedAndChecked(t *testing.T) {
	limited := Token{Value: "events-only", Scopes: []int64{ScopePixelEvents, ScopeEvents}}
	parent := Token{Value: "parent", Scopes: []int64{ScopeMeasurement}}
	nobody := Token{Value: "nobody", Advertisers: []string{}}
	cfg := quiet()
	cfg.Tokens = []Token{{Value: DefaultToken}, limited, parent, nobody}
	good := web(ev())
	cases := []struct {
		name, path, body string
		headers          []string
		code             int
		text             string
	}{
		{"a good call", "/event/track/", good, nil, 0, "OK"},
		{"a charset", "/event/track/", good, []string{"Content-Type", "application/json; charset=utf-8"}, 0, "OK"},
		{"no content type", "/event/track/", good, []string{"Content-Type", ""}, 40002, "Content-Type must be application/json."},
		{"a form", "/event/track/", good, []string{"Content-Type", "text/plain"}, 40002, "Content-Type"},
		{"JSON as upload", "/dmp/custom_audience/file/upload/", good, nil, 40002, "Content-Type must be multipart/form-data."},
		{"no token", "/event/track/", good, []string{"Access-Token", ""}, 40104, "Access token is null, you should set it in http header with key Access-Token."},
		{"an unknown token", "/event/track/", good, []string{"Access-Token", "x"}, 40105, "Access token is incorrect or has been revoked."},
		{"a bearer token", "/event/track/", good, []string{"Access-Token", "Bearer " + DefaultToken}, 40105, "incorrect"},
		{"a token without the permission", "/segment/audience/", `{}`, []string{"Access-Token", "events-only"}, 40001, "Permission error: The access token lacks the required scope for endpoint '/open_api/v1.3/segment/audience/'."},
		{"a token with the permission", "/event/track/", good, []string{"Access-Token", "events-only"}, 0, "OK"},
		{"a token with the parent permission", "/event/track/", good, []string{"Access-Token", "parent"}, 0, "OK"},
		{"a parent without this child", "/segment/audience/", `{}`, []string{"Access-Token", "parent"}, 40001, "lacks the required scope"},
		{"a token of nobody", "/event/track/", good, []string{"Access-Token", "nobody"}, 40001, "No permission to operate pixel code: " + DefaultPixel},
		{"content type before token", "/event/track/", good, []string{"Content-Type", "", "Access-Token", ""}, 40002, "Content-Type"},
		{"token before JSON", "/event/track/", "{", []string{"Access-Token", ""}, 40104, ""},
		{"a body that is too large", "/event/track/", strings.Repeat(" ", maxBody+1), nil, 40002, "Request body is too large."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			send(t, New(cfg), "POST", base+c.path, c.body, c.headers...).want(t, c.code, c.text)
		})
	}
}

func TestARevokedTokenIsRefusedUntilItIsGrantedAgain(t *testing.T) {
	s := New(quiet())
	if !s.RevokeToken(DefaultToken) || s.RevokeToken(DefaultToken) {
		t.Error("want the token revoked once")
	}
	post(t, s, "/event/track/", web(ev())).want(t, 40105)
	s.GrantToken(Token{Value: DefaultToken})
	post(t, s, "/event/track/", web(ev())).want(t, 0)
}

func TestResetForgetsEverythingButTheConfiguration(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", web(ev())).want(t, 0)
	createSegment(t, s, "a")
	s.AddFault(Fault{Code: 50000})
	s.RevokeTokens()
	s.Reset()
	if got := s.Stats(); got.Calls != 0 || got.Events.Accepted != 0 || len(s.Events())+len(s.Audiences())+len(s.Faults())+len(s.Calls()) != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
	post(t, s, "/event/track/", web(ev())).want(t, 0)
	if got := s.Stats().Events; got.Accepted != 1 || got.Duplicates != 0 {
		t.Errorf("got %+v, want the event to count as new", got)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	cfg := quiet()
	s := New(cfg)
	post(t, s, "/event/track/", web(ev()))
	post(t, s, "/oauth2/access_token/", `{"app_id":"`+DefaultAppID+`","secret":"`+DefaultAppSecret+`","auth_code":"x"}`)
	send(t, s, http.MethodGet, base+"/oauth2/advertiser/get/?app_id="+DefaultAppID+"&secret="+DefaultAppSecret, "")
	var seen bytes.Buffer
	fmt.Fprintf(&seen, "%+v %#v %v", cfg.withDefaults(), cfg.withDefaults().Tokens, s.Calls())
	for _, path := range []string{"state", "calls?bodies=true", "events", "faults", ""} {
		seen.WriteString(send(t, s, http.MethodGet, "/sandbox/"+path, "").Raw)
	}
	for _, c := range s.Calls() {
		seen.Write(c.Body)
	}
	for _, secret := range []string{DefaultToken, DefaultAppSecret} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("a secret (%d letters) is shown", len(secret))
		}
	}
}
