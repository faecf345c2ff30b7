package page

import (
	"strings"

	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

const masked = "[masked]"

// inClear are the members of requests that TikTok takes in clear and that are still somebody's data.
var inClear = map[string]bool{"ip": true, "user_agent": true, "ttclid": true, "ttp": true, "lead_id": true, "query": true, "description": true}

// maskRequest hides them, and what stands behind the path of a URL.
func maskRequest(name, value string) (string, bool) {
	switch {
	case inClear[name]:
		return masked, false
	case name == "url" || name == "referrer":
		return withoutQuery(value, "?"+masked), false
	}
	return value, false
}

// forCurl leaves out what maskRequest hides, so that the call can be made.
func forCurl(name, value string) (string, bool) {
	switch {
	case inClear[name]:
		return "", true
	case name == "url" || name == "referrer":
		return withoutQuery(value, ""), false
	}
	return value, false
}

func withoutQuery(url, instead string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		return url[:i] + instead
	}
	return url
}

// ownWords are members of answers that are TikTok's own and may be long: they are shown as they are.
var ownWords = map[string]bool{"request_id": true, "audience_id": true, "custom_audience_id": true, "file_path": true}

// maskAnswer scrubs texts of TikTok's, which may repeat what was sent.
func maskAnswer(name, value string) (string, bool) {
	if ownWords[name] {
		return value, false
	}
	return tiktok.Scrub(value), false
}
