package tiktok

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// lists are the names TikTok's messages give to a request's list of items.
var lists = []string{"batch_data", "batch", "data"}

// callParts are the members of a call that are not its items'. Each names the configuration, or the destination that a row
// has chosen.
var callParts = []string{"event_source", "event_source_id", "pixel_code", "test_event_code", "partner_name", "advertiser_id", "advertiser_ids", "audience_ids"}

// callPartIn is the part of the call that a message names, "" if it names none. `data` is a word of every day and counts
// only as the field that is complained about.
func callPartIn(message string) string {
	for word := range words(message) {
		word = strings.ToLower(strings.TrimRight(word, "."))
		if name := word[strings.LastIndexByte(word, '.')+1:]; slices.Contains(callParts, name) {
			return name
		}
	}
	m := strings.ToLower(message)
	if strings.HasPrefix(m, "data:") || strings.Contains(m, " data:") || strings.HasSuffix(strings.TrimRight(m, "."), "field(s): data") {
		return "data"
	}
	return ""
}

// words are a message's words; the path of a field is one.
func words(message string) iter.Seq[string] {
	return strings.FieldsFuncSeq(message, func(r rune) bool { return strings.ContainsRune(" \t\n,;:'\"`()", r) })
}

// itemIn finds the item a message names, and its field: `Batch.3.properties.contents.0.content_id: Not a valid string`
// is item 3, field properties.contents.0.content_id. It is -1 when the message names none, as those of the Events API 2.0
// do not: `Invalid value for currency: not a valid currency.` is of a field alone. The text is only a hint:
// the caller sends the item alone to be sure.
func itemIn(message string) (item int, field string) {
	for word := range words(message) {
		for _, list := range lists {
			if n, rest, ok := cutItem(word, list); ok {
				return n, fieldPath(rest)
			}
		}
	}
	_, rest, _ := strings.Cut(message, "Invalid value for ")
	field, _, _ = strings.Cut(rest, ":")
	return -1, fieldPath(field)
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
