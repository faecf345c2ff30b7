package calls

import (
	"bytes"
	"encoding/json"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// Masked replaces what is not remembered.
const Masked = "[masked]"

// isInClear reports whether a member of requests is one that TikTok takes in clear and that is still a person's data.
func isInClear(name string) bool {
	switch name {
	case "ip", "user_agent", "ttclid", "ttp", "lead_id", "idfv", "callback", "query", "description":
		return true
	}
	return false
}

// isURL reports whether a member of requests holds a URL, whose query may be a person's data.
func isURL(name string) bool { return name == "url" || name == "referrer" }

// isOwnWord reports whether a member of answers is TikTok's own and may look like a digest or number: it is kept as it is.
func isOwnWord(name string) bool {
	switch name {
	case "request_id", "audience_id", "custom_audience_id", "file_path":
		return true
	}
	return false
}

// Mask is a copy of a request without what TikTok takes in clear.
func Mask(request []byte) []byte {
	return jsontext.Rewrite(make([]byte, 0, len(request)), request, func(to, name, value []byte) []byte {
		switch {
		case isInClear(string(name)):
			return append(to, Masked...)
		case isURL(string(name)):
			if i := bytes.IndexAny(value, "?#"); i >= 0 {
				return append(append(to, value[:i]...), "?"+Masked...)
			}
		}
		return append(to, value...)
	})
}

// scrubbed is a copy of what came back, its texts scrubbed: an answer may repeat what was sent.
func scrubbed(body []byte, scrub func(string) string) []byte {
	switch {
	case len(body) == 0:
		return nil
	case !json.Valid(body):
		return []byte(scrub(string(body[:min(len(body), mostText)])))
	}
	return jsontext.Rewrite(nil, body, func(to, name, value []byte) []byte {
		if isOwnWord(string(name)) {
			return append(to, value...)
		}
		text, _ := jsontext.Unescape(nil, value)
		quoted := jsontext.AppendString(nil, []byte(scrub(string(text))))
		return append(to, quoted[1:len(quoted)-1]...)
	})
}

// mostText is how much of an answer is kept that is not JSON.
const mostText = 2000
