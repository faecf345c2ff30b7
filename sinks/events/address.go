package events

import (
	"bytes"
	"net/netip"
)

func isWebAddress(url []byte) bool {
	scheme, _, _ := bytes.Cut(url, []byte("://"))
	web := bytes.EqualFold(scheme, []byte("https")) || bytes.EqualFold(scheme, []byte("http"))
	return web && isAddress(url)
}

// isAddress wants a scheme and a host, and no control characters anywhere.
func isAddress(url []byte) bool {
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	if !ok || len(scheme) == 0 || !isScheme(scheme) {
		return false
	}
	for _, c := range rest {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	host := rest[bytes.LastIndexByte(rest, '@')+1:]
	return len(host) > 0 && host[0] != ':' && bytes.IndexAny(host, " \\<>\"{}|^`") < 0
}

func isScheme(scheme []byte) bool {
	for i, c := range scheme {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// withoutMask takes off what PostgreSQL's cidr type adds to a single address.
func withoutMask(clean []byte) []byte {
	if address, ok := bytes.CutSuffix(clean, []byte("/32")); ok {
		return address
	}
	return bytes.TrimSuffix(clean, []byte("/128"))
}

func isIP(clean []byte) bool {
	address, err := netip.ParseAddr(alias(withoutMask(clean)))
	return err == nil && address.Zone() == ""
}
