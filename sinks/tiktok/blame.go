package tiktok

import (
	"iter"
	"slices"
	"strings"
)

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

// fieldIn is the field that a message names: `Invalid value for currency: not a valid currency.` No message says which item has it.
func fieldIn(message string) string {
	_, rest, _ := strings.Cut(message, "Invalid value for ")
	field, _, _ := strings.Cut(rest, ":")
	return fieldPath(field)
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
