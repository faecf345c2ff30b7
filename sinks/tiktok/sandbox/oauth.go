package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// codeLifetime is how long an auth_code can be exchanged.
const codeLifetime = time.Hour

// grant is an auth_code that was given out.
type grant struct {
	app     string
	expires time.Time
	used    bool
}

// grants are the auth_codes. Used ones stay, because using one twice is an error of its own.
type grants struct {
	mu sync.Mutex
	by map[string]*grant
}

func (g *grants) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = map[string]*grant{}
}

// portal is /portal/auth: the page where the advertiser consents. The sandbox's advertiser always does, at once.
func (s *Sandbox) portal(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	app, known := s.accounts.app(q.Get("app_id"))
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case !known:
		http.Error(w, "The app does not exist.", http.StatusBadRequest)
		return
	case err != nil || !app.redirects(q.Get("redirect_uri"), back):
		http.Error(w, "The redirect URI is not registered for this app.", http.StatusBadRequest)
		return
	}
	values := back.Query()
	values.Set("auth_code", s.grants.give(app.ID, s.now().Add(codeLifetime)))
	values.Set("state", q.Get("state"))
	back.RawQuery = values.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// redirects reports whether the app may be redirected to.
func (a App) redirects(text string, to *url.URL) bool {
	if a.Redirects != nil {
		return slices.Contains(a.Redirects, text)
	}
	ip := net.ParseIP(to.Hostname())
	local := to.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return to.Host != "" && (to.Scheme == "https" || to.Scheme == "http" && local)
}

func (g *grants) give(app string, expires time.Time) string {
	code := randomHex(20)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by[code] = &grant{app: app, expires: expires}
	return code
}

// take uses up an auth_code and reports whether it was good.
func (g *grants) take(code, app string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.by[code]
	if !ok || found.used || found.app != app || !now.Before(found.expires) {
		return false
	}
	found.used = true
	return true
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

var exchangeShape = shape(UnknownField, rules{
	"app_id!": filled, "secret!": filled, "auth_code!": filled, "return_advertiser_ids": boolean,
})

// exchange is POST /oauth2/access_token/: an auth_code for a token.
func (s *Sandbox) exchange(call *call) (any, *refusal) {
	app, body, r := s.appCall(call, exchangeShape)
	if r != nil {
		return nil, r
	}
	if !s.grants.take(body.str("auth_code"), app.ID, call.now) {
		return nil, refuse(codeBadAuthCode, "%s", usualMessage(codeBadAuthCode))
	}
	value, scopes := randomHex(20), app.Scopes
	if scopes == nil {
		scopes = AllScopes()
	}
	s.accounts.grant(Token{Value: Secret(value), App: app.ID, Scopes: scopes})
	granted, _ := s.accounts.token(value)
	data := map[string]any{"access_token": value, "scope": scopes}
	if wanted, ok := body.get("return_advertiser_ids"); !ok || string(wanted.raw()) == "true" {
		data["advertiser_ids"] = granted.Advertisers
	}
	return data, nil
}

// appCall judges the body of a call that proves itself by app_id and secret.
func (s *Sandbox) appCall(call *call, shape *schema) (App, value, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.object(body, shape)
	s.warned(c)
	if !c.ok() {
		return App{}, body, c.result()
	}
	app, r := s.proved(body.str("app_id"), body.str("secret"))
	return app, body, r
}

// proved finds the app that knows the secret.
func (s *Sandbox) proved(id, secret string) (App, *refusal) {
	app, ok := s.accounts.app(id)
	switch {
	case !ok:
		return app, refuse(codeUnknownApp, "The app does not exist or has been blocked.")
	case subtle.ConstantTimeCompare([]byte(app.Secret), []byte(secret)) == 0:
		return app, refuse(codeWrongSecret, "The app_id or secret is incorrect.")
	}
	return app, nil
}

var revokeShape = shape(UnknownField, rules{"app_id!": filled, "secret!": filled, "access_token!": filled})

// revokeToken is POST /oauth2/revoke_token/.
func (s *Sandbox) revokeToken(call *call) (any, *refusal) {
	app, body, r := s.appCall(call, revokeShape)
	if r != nil {
		return nil, r
	}
	token, ok := s.accounts.token(body.str("access_token"))
	switch {
	case !ok:
		return nil, refuse(codeBadToken, "%s", usualMessage(codeBadToken))
	case token.App != app.ID:
		return nil, inconsistentApp()
	}
	s.accounts.revoke(body.str("access_token"))
	return map[string]any{"app_id": app.ID, "advertiser_ids": token.Advertisers}, nil
}

func inconsistentApp() *refusal {
	return refuse(codeUnknownApp, "The app_id is inconsistent with the token's app information. Please retry after correcting it.")
}

// advertiserGet is GET /oauth2/advertiser/get/: the accounts a token reaches.
func (s *Sandbox) advertiserGet(c *call) (any, *refusal) {
	q := c.query()
	q.need("app_id", "secret")
	if q.problem != nil {
		return nil, q.problem
	}
	app, r := s.proved(q.values.Get("app_id"), q.values.Get("secret"))
	switch {
	case r != nil:
		return nil, r
	case c.token.App != app.ID:
		return nil, inconsistentApp()
	}
	list := []map[string]string{}
	for _, id := range c.token.Advertisers {
		list = append(list, map[string]string{"advertiser_id": id, "advertiser_name": s.accounts.advertisers[id].Name})
	}
	return map[string]any{"list": list}, nil
}
