package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const back = "http://127.0.0.1:8765/callback"

// authorise opens the page of consent and returns where it sends the browser.
func authorise(t *testing.T, s *Sandbox, app, redirect, state string) (*url.URL, int) {
	t.Helper()
	q := url.Values{"app_id": {app}, "redirect_uri": {redirect}, "state": {state}}
	r, _ := http.NewRequest(http.MethodGet, "http://sandbox/portal/auth?"+q.Encode(), nil)
	answer, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	to, _ := url.Parse(answer.Header.Get("Location"))
	return to, answer.StatusCode
}

func exchangeBody(app, secret, code, more string) string {
	return fmt.Sprintf(`{"app_id":%q,"secret":%q,"auth_code":%q%s}`, app, secret, code, more)
}

func authCode(t *testing.T, s *Sandbox) string {
	t.Helper()
	to, status := authorise(t, s, DefaultAppID, back+"?keep=1", "st&te")
	q := to.Query()
	if status != http.StatusFound || q.Get("state") != "st&te" || q.Get("keep") != "1" || q.Get("auth_code") == "" {
		t.Fatalf("got HTTP %d to %s, want the state, the code and the old query", status, to)
	}
	return q.Get("auth_code")
}

func TestAnAuthorisationEndsInATokenThatWorks(t *testing.T) {
	s := New(quiet())
	got := send(t, s, "POST", base+"/oauth2/access_token/", exchangeBody(DefaultAppID, DefaultAppSecret, authCode(t, s), ""), "Access-Token", "")
	got.want(t, 0)
	var data struct {
		Token       string        `json:"access_token"`
		Advertisers []string      `json:"advertiser_ids"`
		Scope       []json.Number `json:"scope"`
	}
	if err := json.Unmarshal(got.Data, &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Advertisers) != 1 || data.Advertisers[0] != DefaultAdvertiser || len(data.Scope) != len(AllScopes()) {
		t.Errorf("got %+v, want the advertiser and all scopes", data)
	}
	use := func() reply { return send(t, s, "POST", base+"/event/track/", web(ev()), "Access-Token", data.Token) }
	use().want(t, 0)
	s.Advance(1000 * 24 * time.Hour)
	send(t, s, "GET", base+"/user/info/", "", "Access-Token", data.Token).want(t, 0)
	send(t, s, "GET", base+"/oauth2/advertiser/get/?app_id="+DefaultAppID+"&secret="+DefaultAppSecret, "", "Access-Token", data.Token).want(t, 0)
	revoke := fmt.Sprintf(`{"app_id":%q,"secret":%q,"access_token":%q}`, DefaultAppID, DefaultAppSecret, data.Token)
	got = send(t, s, "POST", base+"/oauth2/revoke_token/", revoke, "Access-Token", "")
	got.want(t, 0)
	if !strings.Contains(string(got.Data), `"advertiser_ids":["`+DefaultAdvertiser+`"]`) || !strings.Contains(string(got.Data), DefaultAppID) {
		t.Errorf("got %s, want the app and its advertisers", got)
	}
	use().want(t, 40105)
	send(t, s, "POST", base+"/oauth2/revoke_token/", revoke).want(t, 40105)
}

func TestTheExchangeAnswersAsDocumented(t *testing.T) {
	cfg := quiet()
	cfg.Apps = []App{{ID: DefaultAppID, Secret: DefaultAppSecret, Scopes: []int64{ScopeEvents}}, {ID: "2", Secret: "two"}}
	cases := []struct {
		name    string
		body    func(code string) string
		after   time.Duration
		code    int
		message string
	}{
		{"a good code", func(c string) string { return exchangeBody(DefaultAppID, DefaultAppSecret, c, "") }, 0, 0, "OK"},
		{"a code of 59 minutes", func(c string) string { return exchangeBody(DefaultAppID, DefaultAppSecret, c, "") }, 59 * time.Minute, 0, "OK"},
		{"a code of an hour", func(c string) string { return exchangeBody(DefaultAppID, DefaultAppSecret, c, "") }, time.Hour, 40110, "The auth_code is canceled. Please re-authorize and try again with a new auth_code."},
		{"an unknown code", func(string) string { return exchangeBody(DefaultAppID, DefaultAppSecret, "x", "") }, 0, 40110, "auth_code"},
		{"another app's code", func(c string) string { return exchangeBody("2", "two", c, "") }, 0, 40110, "auth_code"},
		{"a wrong secret", func(c string) string { return exchangeBody(DefaultAppID, "x", c, "") }, 0, 40101, "secret"},
		{"an unknown app", func(c string) string { return exchangeBody("9", "x", c, "") }, 0, 40113, "app"},
		{"nothing", func(string) string { return "{}" }, 0, 40002, "Missing required field(s): app_id, auth_code, secret."},
		{"a numeric app", func(string) string { return `{"app_id":1}` }, 0, 40002, "app_id: Not a valid string"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(cfg)
			code := authCode(t, s)
			s.Advance(c.after)
			post(t, s, "/oauth2/access_token/", c.body(code)).want(t, c.code, c.message)
		})
	}
	s := New(cfg)
	code := authCode(t, s)
	got := post(t, s, "/oauth2/access_token/", exchangeBody(DefaultAppID, DefaultAppSecret, code, `,"return_advertiser_ids":false`))
	got.want(t, 0)
	if strings.Contains(got.Raw, "advertiser_ids") || !strings.Contains(got.Raw, fmt.Sprintf(`"scope":[%d]`, ScopeEvents)) {
		t.Errorf("got %s, want the app's scope and no advertisers", got)
	}
	post(t, s, "/oauth2/access_token/", exchangeBody(DefaultAppID, DefaultAppSecret, code, "")).want(t, 40110)
}

func TestThePageOfConsentKnowsItsAppsAndRedirects(t *testing.T) {
	cfg := quiet()
	cfg.Apps = []App{{ID: "1"}, {ID: "2", Redirects: []string{"https://a.b/c"}}}
	cases := []struct {
		app, redirect string
		status        int
	}{
		{"1", back, 302}, {"1", "http://localhost/x", 302}, {"1", "https://a.b/x", 302}, {"1", "http://[::1]:1/", 302},
		{"1", "http://a.b/x", 400}, {"1", "", 400}, {"1", "javascript:alert(1)", 400}, {"9", back, 400},
		{"2", "https://a.b/c", 302}, {"2", "https://a.b/d", 400}, {"2", back, 400},
	}
	for _, c := range cases {
		if _, got := authorise(t, New(cfg), c.app, c.redirect, "s"); got != c.status {
			t.Errorf("app %s to %q: got HTTP %d, want %d", c.app, c.redirect, got, c.status)
		}
	}
}

func TestTheHelperEndpoints(t *testing.T) {
	cfg := quiet()
	cfg.Apps = []App{{ID: DefaultAppID, Secret: DefaultAppSecret}, {ID: "2", Secret: "two"}}
	cfg.Sources = []Source{{ID: "C1", Advertiser: DefaultAdvertiser}, {ID: "C2", Name: "second", Advertiser: DefaultAdvertiser}, {Kind: "crm", ID: "3", Advertiser: DefaultAdvertiser}}
	s := New(cfg)
	mine := "?advertiser_id=" + DefaultAdvertiser
	cases := []struct {
		name, path string
		code       int
		part       string
	}{
		{"pixels", "/pixel/list/" + mine, 0, `"total_number":2`},
		{"one pixel", "/pixel/list/" + mine + "&code=C2", 0, `"pixel_code":"C2","pixel_id"`},
		{"no such pixel", "/pixel/list/" + mine + "&code=C9", 0, `"pixels":[]`},
		{"a page of 21", "/pixel/list/" + mine + "&page_size=21", 40002, "page_size"},
		{"pixels of nobody", "/pixel/list/", 40002, "Missing required field(s): advertiser_id."},
		{"pixels of another", "/pixel/list/?advertiser_id=9", 40001, "advertiser does not grant you /pixel/list/:GET permission"},
		{"the user", "/user/info/", 0, `"display_name"`},
		{"an advertiser", "/advertiser/info/?advertiser_ids=" + url.QueryEscape(`["`+DefaultAdvertiser+`"]`), 0, `"status":"STATUS_ENABLE"`},
		{"no advertisers", "/advertiser/info/", 40002, "advertiser_ids"},
		{"another advertiser", "/advertiser/info/?advertiser_ids=" + url.QueryEscape(`["9"]`), 40001, "advertiser does not grant you /advertiser/info/:GET permission"},
		{"reachable advertisers", "/oauth2/advertiser/get/?app_id=" + DefaultAppID + "&secret=" + DefaultAppSecret, 0, `"advertiser_name":"Sandbox advertiser"`},
		{"without secret", "/oauth2/advertiser/get/?app_id=" + DefaultAppID, 40002, "Missing required field(s): secret."},
		{"a wrong secret", "/oauth2/advertiser/get/?app_id=" + DefaultAppID + "&secret=x", 40101, "secret"},
		{"another app", "/oauth2/advertiser/get/?app_id=2&secret=two", 40113, "The app_id is inconsistent with the token's app information. Please retry after correcting it."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, "GET", base+c.path, "")
			got.want(t, c.code)
			if !strings.Contains(got.Raw, c.part) {
				t.Errorf("got %s, want it to hold %s", got, c.part)
			}
		})
	}
}
