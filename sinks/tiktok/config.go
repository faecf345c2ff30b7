package tiktok

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config is one connection: a TikTok account and how to reach it.
type Config struct {
	AdvertiserID    string            `yaml:"advertiser_id" doc:"The advertiser's id, in quotes. Audiences need it; events of a pixel do not."`
	AccessToken     settings.Secret   `yaml:"access_token" doc:"The access token: of the pixel (Events Manager) for events, of the business account for audiences. Without this key and access_token_file, the token stored by tokrelay auth login is used."`
	AccessTokenFile string            `yaml:"access_token_file" doc:"A file with the access token; read again whenever it changes."`
	BaseURL         string            `yaml:"base_url" doc:"Where the API is." default:"https://business-api.tiktok.com"`
	AppID           string            `yaml:"app_id" doc:"The developer app's id, for tokrelay auth."`
	Secret          settings.Secret   `yaml:"secret" doc:"The developer app's secret, for tokrelay auth."`
	SecretFile      string            `yaml:"secret_file" doc:"A file with the developer app's secret."`
	CAFile          string            `yaml:"ca_file" doc:"PEM file with the authority that signs the API's, or your proxy's, certificate; the system's authorities stay trusted."`
	Proxy           string            `yaml:"proxy" doc:"URL of the proxy for this connection; without it HTTPS_PROXY and NO_PROXY count."`
	Gzip            bool              `yaml:"gzip" doc:"Compress requests. Unproven: no document of TikTok's says that it reads them." default:"false"`
	Timeout         settings.Duration `yaml:"timeout" doc:"Longest time of one call." default:"30s"`
	CallsInFlight   int               `yaml:"calls_in_flight" doc:"Calls under way at the same time." default:"8"`
	Limits          Limits            `yaml:"limits" doc:"Most calls a second. TikTok's own limits apply besides: when it throttles, calls are held."`

	Transport http.RoundTripper `yaml:"-"` // as NewOver takes it; nil: over the network
}

// Limits are the most calls a second that this connection makes.
type Limits struct {
	Events     float64 `yaml:"events" doc:"Of the Events API." default:"1000"`
	Segment    float64 `yaml:"segment" doc:"Of the Segment API." default:"10"`
	Other      float64 `yaml:"other" doc:"Of every other endpoint, each." default:"10"`
	Pixel      float64 `yaml:"pixel" doc:"For one pixel or event source; 0 is no limit of its own." default:"0"`
	Advertiser float64 `yaml:"advertiser" doc:"Of the connection as a whole; 0 is no limit of its own." default:"0"`
}

// MaxCallsInFlight bounds calls_in_flight.
const MaxCallsInFlight = 256

// Endpoints are the limits by endpoint; "" is any other.
func (l Limits) Endpoints() map[string]float64 {
	return map[string]float64{
		"/event/track/":     l.Events,
		"/segment/mapping/": l.Segment, "/segment/audience/": l.Segment,
		"": l.Other,
	}
}

// Validate reports what is wrong with the connection.
func (c *Config) Validate(at settings.Place) {
	if c.AccessToken != "" && c.AccessTokenFile != "" {
		at.Key("access_token").Problem("must not be given with access_token_file", "keep one of the two")
	}
	if strings.HasPrefix(c.AccessToken.Reveal(), "Bearer ") {
		at.Key("access_token").Problem("must be the token alone, without Bearer", "")
	}
	if !isToken(strings.TrimSpace(c.AccessToken.Reveal())) && !strings.HasPrefix(c.AccessToken.Reveal(), "Bearer ") {
		at.Key("access_token").Problem("must be the token alone: it has a space, a line break or a letter that no token has", "copy it again")
	}
	if c.Secret != "" && c.SecretFile != "" {
		at.Key("secret").Problem("must not be given with secret_file", "keep one of the two")
	}
	if strings.Trim(c.AdvertiserID, "0123456789") != "" {
		at.Key("advertiser_id").Problem("must be digits", "see the account menu of TikTok Ads Manager")
	}
	if !isURL(c.BaseURL, "http", "https") {
		at.Key("base_url").Problem("must be an http or https URL without query", "")
	}
	if c.Proxy != "" && !isURL(c.Proxy, "http", "https", "socks5", "socks5h") {
		at.Key("proxy").Problem("must be an http, https or socks5 URL", "")
	}
	if c.Timeout.Std() < time.Second {
		at.Key("timeout").Problem("must be at least 1s", "TikTok needs longer for a call, and what is cut off is sent again")
	}
	if c.CallsInFlight < 1 || c.CallsInFlight > MaxCallsInFlight {
		at.Key("calls_in_flight").Problem("must be between 1 and 256", "1 makes one call at a time")
	}
	c.Limits.validate(at.Key("limits"))
}

func (l *Limits) validate(at settings.Place) {
	for key, rate := range map[string]float64{"events": l.Events, "segment": l.Segment, "other": l.Other} {
		if !(rate > 0 && rate <= 1e6) {
			at.Key(key).Problem("must be more than 0 and at most 1000000 calls a second", "to send nothing, take the sync out")
		}
	}
	for key, rate := range map[string]float64{"pixel": l.Pixel, "advertiser": l.Advertiser} {
		if !(rate >= 0 && rate <= 1e6) {
			at.Key(key).Problem("must be between 0 and 1000000 calls a second", "0 is no limit of its own")
		}
	}
	if l.Segment > 50 {
		at.Key("segment").Warn("is more than the 50 calls a second that TikTok's partners know of", "")
	}
}

func isURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return slices.Contains(schemes, u.Scheme)
}
