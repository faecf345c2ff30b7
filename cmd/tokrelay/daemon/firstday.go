package daemon

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// The account of `tokrelay config example` and of `tokrelay sandbox`. TikTok knows none of it.
const (
	examplePixel      = "CTESTPIXELCODE"
	exampleToken      = "sandbox-token"
	exampleAdvertiser = "7000000000000000001"
)

const exampleRule = "is still the example's, which TikTok does not know"

// WarnOfExamples tells of what was left as the example has it, where the API is TikTok's own.
func (c *Config) WarnOfExamples(at settings.Place) {
	real := settings.WithDefaults(tiktok.Config{}).BaseURL
	for _, name := range slices.Sorted(maps.Keys(c.Connections)) {
		connection, at := c.Connections[name], at.Key("connections").Key(name)
		if connection.BaseURL != real {
			continue
		}
		if connection.AccessToken.Reveal() == exampleToken {
			at.Key("access_token").Warn(exampleRule, "Events Manager makes the token of a pixel, tokrelay auth login that of a business account; or set base_url to a tokrelay sandbox")
		}
		if connection.AdvertiserID == exampleAdvertiser {
			at.Key("advertiser_id").Warn(exampleRule, "the account menu of TikTok Ads Manager shows yours")
		}
	}
	for i := range c.Syncs {
		s := &c.Syncs[i]
		if _, connection := c.ConnectionOf(s); s.WebEvents != nil && connection.BaseURL == real && strings.HasPrefix(s.WebEvents.PixelCode.Static, examplePixel) {
			at.Key("syncs").Index(i).Key("web_events").Key("pixel_code").Warn(exampleRule, "Events Manager shows the code of yours")
		}
	}
}

// CheckTokens reports the connections of syncs for which there is no token: neither in the configuration nor in the file that
// `auth login` writes, which stored names.
func (c *Config) CheckTokens(at settings.Place, stored func(connection string) string) {
	seen := map[string]bool{}
	for i := range c.Syncs {
		name, connection := c.ConnectionOf(&c.Syncs[i])
		if _, known := c.Connections[name]; !known || seen[name] || c.hasToken(name, connection, stored) {
			continue
		}
		seen[name] = true
		at.Key("connections").Key(name).Key("access_token").Problem("required: no token is set, and tokrelay auth login has stored none for this user",
			"access_token: ${TIKTOK_ACCESS_TOKEN}, access_token_file, or tokrelay auth login --connection "+name)
	}
}

func (c *Config) hasToken(name string, connection tiktok.Config, stored func(string) string) bool {
	if connection.AccessToken != "" || connection.AccessTokenFile != "" {
		return true
	}
	_, err := os.Stat(stored(name))
	return err == nil
}
