package tiktok

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// App is a developer app, as TikTok's OAuth flow knows it. Its methods are the steps of the flow in order; they are for
// `tokrelay auth` and touch no row.
type App struct {
	ID     string
	Secret settings.Secret
}

// Grant is what an advertiser's consent gave. It has no expiry: it holds until consent is withdrawn or it is revoked.
type Grant struct {
	AccessToken   settings.Secret
	AdvertiserIDs []string
	Scope         []int64 // may be narrower than what the app asked for
}

// Advertiser is an account that a token reaches.
type Advertiser struct {
	ID   string `json:"advertiser_id"`
	Name string `json:"advertiser_name"`
}

// AuthorizeURL is where the advertiser gives consent; base is the connection's base_url.
func (a App) AuthorizeURL(base, redirect, state string) string {
	q := url.Values{"app_id": {a.ID}, "redirect_uri": {redirect}, "state": {state}}
	return strings.TrimSuffix(strings.TrimSuffix(base, "/"), apiPath) + "/portal/auth?" + q.Encode()
}

// CodeIn reads the authorisation code and the state from the redirect. Some redirects name the code `code`.
func CodeIn(q url.Values) (code, state string) {
	if code = q.Get("auth_code"); code == "" {
		code = q.Get("code")
	}
	return code, q.Get("state")
}

// Exchange turns an authorisation code, which works once and for an hour, into a token.
func (c *Client) Exchange(ctx context.Context, app App, code string) (Grant, error) {
	body := fields{"app_id": app.ID, "secret": app.Secret.Reveal(), "auth_code": code}
	a := c.send(ctx, request{endpoint: "/oauth2/access_token/", body: body.json(), contentType: "application/json"})
	a.Message = body.hide(a.Message)
	var g grant
	err := read("exchange the authorisation code", &a, &g)
	return Grant{settings.Secret(g.AccessToken), g.AdvertiserIDs, g.Scope}, err
}

// Advertisers lists the accounts the connection's token reaches.
func (c *Client) Advertisers(ctx context.Context, app App) ([]Advertiser, error) {
	a := c.Get(ctx, "/oauth2/advertiser/get/", url.Values{"app_id": {app.ID}, "secret": {app.Secret.Reveal()}})
	var data struct {
		List []Advertiser `json:"list"`
	}
	return data.List, read("list advertisers", &a, &data)
}

// Revoke makes the connection's token useless.
func (c *Client) Revoke(ctx context.Context, app App) error {
	token, err := c.token.Read()
	if err != nil {
		return err
	}
	body := fields{"app_id": app.ID, "secret": app.Secret.Reveal(), "access_token": token}
	a := c.send(ctx, request{endpoint: "/oauth2/revoke_token/", body: body.json(), contentType: "application/json", auth: true})
	a.Message = body.hide(a.Message)
	return Check("revoke the token", a)
}

// UserInfo proves the token: any accepted answer does.
func (c *Client) UserInfo(ctx context.Context) pipeline.Answer { return c.Get(ctx, "/user/info/", nil) }

func read(doing string, a *pipeline.Answer, into any) error {
	if err := Check(doing, *a); err != nil {
		return err
	}
	return Data(a, into)
}

// fields are a request of the OAuth flow; its values are secrets.
type fields map[string]string

func (f fields) json() []byte {
	b, _ := json.Marshal(map[string]string(f)) // a map of strings always encodes
	return b
}

func (f fields) hide(s string) string {
	for _, v := range f {
		if v != "" {
			s = strings.ReplaceAll(s, v, hidden)
		}
	}
	return s
}

// grant is a Grant as TikTok sends it and as it is stored. Grant itself prints its token as [redacted].
type grant struct {
	AccessToken   string   `json:"access_token"`
	AdvertiserIDs []string `json:"advertiser_ids"`
	Scope         []int64  `json:"scope"`
}
