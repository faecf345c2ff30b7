package tiktok

import (
	"strconv"
	"strings"
)

// lists are the names TikTok's messages give to a request's list of items.
var lists = []string{"batch_data", "batch", "data"}

// itemIn finds the item a message names, and its field: `Batch.3.properties.contents.0.content_id: Not a valid string`
// is item 3, field properties.contents.0.content_id. It is -1 when the message names none. The text is only a hint:
// the caller sends the item alone to be sure.
func itemIn(message string) (item int, field string) {
	for word := range strings.FieldsFuncSeq(message, func(r rune) bool { return strings.ContainsRune(" \t\n,;:'\"`()", r) }) {
		for _, list := range lists {
			if n, rest, ok := cutItem(word, list); ok {
				return n, fieldPath(rest)
			}
		}
	}
	return -1, ""
}

// cutItem reads `<list>.<n>` or `<list>[<n>]` at the start of a word, in any case, and gives what follows.
func cutItem(word, list string) (n int, rest string, ok bool) {
	if len(word) <= len(list) || !strings.EqualFold(word[:len(list)], list) {
		return 0, "", false
	}
	rest = strings.TrimLeft(word[len(list):], ".[")
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil || len(rest) == len(word)-len(list) {
		return 0, "", false
	}
	return n, strings.TrimLeft(rest[len(digits):], "]."), true
}

// fieldPath keeps what looks like the path of a field and nothing else: a message may have a value in its place.
func fieldPath(s string) string {
	s = strings.TrimRight(s, ".")
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '[' || r == ']'
	}
	if len(s) > 100 || strings.TrimFunc(s, plain) != "" || Scrub(s) != s {
		return ""
	}
	return s
}
