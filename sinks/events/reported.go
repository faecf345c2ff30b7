package events

import "bytes"

// Reported is the name that TikTok's reports give events of this name: legacy names that have a successor appear under it.
func Reported(name string) string { return renamed(name) }

// IsStandard reports whether it is one of TikTok's own names.
func IsStandard(name string) bool { return sourcesOf(name) != 0 }

// NameIn is the name in the body of an event, as a Maker writes it.
func NameIn(body []byte) []byte {
	name := bytes.TrimPrefix(body, []byte(head+`"`))
	name, _, _ = bytes.Cut(name, []byte{'"'})
	return name
}
