package events

import (
	"bytes"
	"net/netip"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// isWebAddress wants an address on the web. plain text has no control character but perhaps 0x7f.
func isWebAddress(url []byte, plain bool) bool {
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	return ok && (bytes.EqualFold(scheme, []byte("https")) || bytes.EqualFold(scheme, []byte("http"))) && isPlace(rest, plain)
}

// isAddress wants a scheme and a host, and no control characters anywhere.
func isAddress(url []byte, plain bool) bool {
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	return ok && len(scheme) > 0 && isScheme(scheme) && isPlace(rest, plain)
}

// What a character is to an address.
const (
	noAddress = 1 << iota // is nowhere in one
	noHost                // is in no host
	endsHost
)

var addressByte = func() (is [256]byte) {
	for c := range byte(' ') {
		is[c] = noAddress
	}
	is[0x7f] = noAddress
	for _, c := range []byte(" \\<>\"{}|^`") {
		is[c] = noHost
	}
	is['/'], is['?'], is['#'] = endsHost, endsHost, endsHost
	return is
}()

// isPlace wants what is behind the scheme: a host, perhaps behind a user, and whatever follows.
func isPlace(rest []byte, plain bool) bool {
	end := 0
	for end < len(rest) && addressByte[rest[end]] != endsHost {
		if addressByte[rest[end]] == noAddress {
			return false
		}
		end++
	}
	host := rest[:end]
	host = host[bytes.LastIndexByte(host, '@')+1:]
	for _, c := range host {
		if addressByte[c] == noHost {
			return false
		}
	}
	return len(host) > 0 && host[0] != ':' && !hasControl(rest[end:], plain)
}

func hasControl(text []byte, plain bool) bool {
	if plain {
		return bytes.IndexByte(text, 0x7f) >= 0
	}
	for _, c := range text {
		if addressByte[c] == noAddress {
			return true
		}
	}
	return false
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

// sharedSpace is what carriers number their customers' networks with.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// publicIP finds the address that a text is, or the first public one of several that proxies have written: client, proxy, proxy. It is
// nothing where no address is public; ok is false where there is no address.
func publicIP(clean []byte) (public []byte, ok bool) {
	for rest, more := clean, true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, []byte{','})
		part = withoutMask(mapping.Trim(part))
		address, err := netip.ParseAddr(alias(part))
		if err != nil || address.Zone() != "" {
			ok = ok || identity.IsPlaceholder(part)
			continue
		}
		ok = true
		if address.Is4In6() {
			address = address.Unmap()
			part = address.AppendTo(nil)
		}
		if address.IsGlobalUnicast() && !address.IsPrivate() && !sharedSpace.Contains(address) {
			return part, true
		}
	}
	return nil, ok
}
