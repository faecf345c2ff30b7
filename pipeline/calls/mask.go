package calls

import (
	"bytes"
	"encoding/json"
)

// Masked replaces what is not shown.
const Masked = "[masked]"

// InClear reports whether a member of requests is one that TikTok takes in clear and that is still a person's data.
func InClear(name string) bool {
	switch name {
	case "ip", "user_agent", "ttclid", "ttp", "lead_id", "query", "description":
		return true
	}
	return false
}

// IsURL reports whether a member of requests holds a URL, whose query may be a person's data.
func IsURL(name string) bool { return name == "url" || name == "referrer" }

// IsOwnWord reports whether a member of answers is TikTok's own and may look like a digest or number: it is shown as it is.
func IsOwnWord(name string) bool {
	switch name {
	case "request_id", "audience_id", "custom_audience_id", "file_path":
		return true
	}
	return false
}

// appendMasked writes a request again without what TikTok takes in clear.
func appendMasked(to, request []byte) []byte {
	return rewrite(to, request, func(to, name, value []byte) []byte {
		switch {
		case InClear(string(name)):
			return append(to, Masked...)
		case IsURL(string(name)):
			if i := bytes.IndexAny(value, "?#"); i >= 0 {
				return append(append(to, value[:i]...), "?"+Masked...)
			}
		}
		return append(to, value...)
	})
}

// appendScrubbed writes an answer again, its texts scrubbed.
func appendScrubbed(to, answer []byte, scrub func(string) string) []byte {
	return rewrite(to, answer, func(to, name, value []byte) []byte {
		var text string
		if IsOwnWord(string(name)) || json.Unmarshal(quote(value), &text) != nil {
			return append(to, value...)
		}
		quoted := jsonString(scrub(text))
		return append(to, quoted[1:len(quoted)-1]...)
	})
}

func quote(value []byte) []byte { return append(append([]byte{'"'}, value...), '"') }

// rewrite copies JSON; each writes what is between the quotes of a text, which it is given as it is written, under the
// name that came last. It looks at quotes alone, so that it costs little more than a copy.
func rewrite(to, text []byte, each func(to, name, value []byte) []byte) []byte {
	var name []byte
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return append(to, text...)
		}
		to, text = append(to, text[:i+1]...), text[i+1:]
		end := closing(text)
		value := text[:end]
		if text = text[end:]; len(text) > 1 && isName(text[1:]) {
			name = value
			to = append(to, value...)
		} else {
			to = each(to, name, value)
		}
		if len(text) > 0 {
			to, text = append(to, '"'), text[1:]
		}
	}
}

// closing is where the text ends that began before: at a quote that no backslash hides, or where there is no more.
func closing(text []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '"')
		if i < 0 {
			return len(text)
		}
		at += i
		hidden := 0
		for at-hidden > 0 && text[at-hidden-1] == '\\' {
			hidden++
		}
		if hidden%2 == 0 {
			return at
		}
		at++
	}
}

// isName reports whether what comes next is a colon.
func isName(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// EachText calls each with every text of the JSON that is not a name, as it is written, until each returns false.
func EachText(text []byte, each func(value []byte) bool) {
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return
		}
		text = text[i+1:]
		end := closing(text)
		value := text[:end]
		if text = text[end:]; len(text) > 0 {
			text = text[1:]
		}
		if !isName(text) && !each(value) {
			return
		}
	}
}

// jsonString is a text as JSON writes it, readable.
func jsonString(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
