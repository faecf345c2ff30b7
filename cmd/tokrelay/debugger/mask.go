package debugger

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

const masked = calls.Masked

// maskRequest hides them, and what stands behind the path of a URL.
func maskRequest(name, value string) (string, bool) {
	switch {
	case calls.InClear(name):
		return masked, false
	case calls.IsURL(name):
		return withoutQuery(value, "?"+masked), false
	}
	return value, false
}

// forCurl leaves out what maskRequest hides, so that the call can be made.
func forCurl(name, value string) (string, bool) {
	switch {
	case calls.InClear(name):
		return "", true
	case calls.IsURL(name):
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

// maskAnswer scrubs texts of TikTok's, which may repeat what was sent.
func maskAnswer(name, value string) (string, bool) {
	if calls.IsOwnWord(name) {
		return value, false
	}
	return tiktok.Scrub(value), false
}
