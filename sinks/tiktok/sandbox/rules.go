package sandbox

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// The rules below judge one value each; check.path says where it is.

func anything(*check, value) {}

// text accepts any string and warns about an empty one.
func text(c *check, v value) {
	if isText(c, v) && len(v.raw()) == 0 {
		c.warn(EmptyValue)
	}
}

// filled accepts a string that says something.
func filled(c *check, v value) {
	switch blank := isText(c, v) && len(v.raw()) == 0; {
	case blank && c.terse:
		c.wrongType("string")
	case blank:
		c.wrongValue("Field may not be blank.")
	}
}

func isText(c *check, v value) bool {
	if v.kind() != jsontext.String {
		c.wrongType("string")
		return false
	}
	return true
}

func boolean(c *check, v value) {
	if k := v.kind(); k != jsontext.True && k != jsontext.False {
		c.wrongType("boolean")
	}
}

func integer(c *check, v value) {
	if _, err := strconv.ParseInt(string(v.raw()), 10, 64); !v.isNumber() || err != nil {
		c.wrongType("integer")
	}
}

func count(c *check, v value) {
	integer(c, v)
	if !c.done() && v.raw()[0] == '-' {
		c.wrongValue("Must be greater than or equal to 0.")
	}
}

// amount accepts the numbers a price can be.
func amount(c *check, v value) {
	f, ok := float(v)
	if !ok || math.IsInf(f, 0) || f < 0 {
		c.wrongType("number")
	}
}

// share accepts a part of one.
func share(c *check, v value) {
	f, ok := float(v)
	switch {
	case !ok:
		c.wrongType("number")
	case f < 0 || f > 1:
		c.wrongValue("Must be between 0 and 1.")
	}
}

func float(v value) (float64, bool) {
	if !v.isNumber() {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.raw()), 64)
	return f, err == nil
}

func texts(c *check, v value) {
	c.list(v, inClear)
	if v.isList() && v.count() == 0 {
		c.warn(EmptyValue)
	}
}

// oneOf accepts the listed strings and refuses others.
func oneOf(allowed ...string) func(*check, value) {
	return func(c *check, v value) {
		if isText(c, v) && !slices.Contains(allowed, string(v.text())) {
			c.wrongValue("Not a valid choice.")
		}
	}
}

// mostly accepts any string and warns about one that is not listed.
func mostly(usual ...string) func(*check, value) {
	return func(c *check, v value) {
		if isText(c, v) && !slices.Contains(usual, string(v.text())) {
			c.warn(UnlistedValue)
		}
	}
}

// hashed accepts one SHA-256 in hexadecimal of either case, and nothing at all.
func hashed(c *check, v value) {
	switch {
	case !isText(c, v):
	case len(v.text()) == 0:
		c.warn(EmptyValue)
	case !anyHex(v.text(), 64):
		c.wrong(stageValues, codeNotHashed, "Not hashed.")
	case !lowerHex(v.text(), 64):
		c.warn(UpperHash)
	case knownHash(v.raw()):
		c.warn(KnownHash)
	}
}

// hashedList accepts one hash or an array of them.
func hashedList(c *check, v value) {
	if !v.isList() {
		hashed(c, v)
		return
	}
	if v.count() == 0 {
		c.warn(EmptyValue)
	}
	c.list(v, hashed)
}

// hashedOr accepts a hash, or a raw device id without letters of the other case.
func hashedOr(fold func([]byte) []byte) func(*check, value) {
	return func(c *check, v value) {
		raw := v.text()
		switch {
		case !isText(c, v):
		case len(raw) == 0:
			c.warn(EmptyValue)
		case anyHex(raw, 64) && !lowerHex(raw, 64):
			c.warn(UpperHash)
		case !anyHex(raw, 64) && !bytes.Equal(fold(raw), raw):
			c.wrongValue("Not a valid device id.")
		}
	}
}

func lowerHex(s []byte, length int) bool {
	return len(s) == length && len(bytes.TrimLeft(s, "0123456789abcdef")) == 0
}

// anyHex accepts hexadecimal of either case.
func anyHex(s []byte, length int) bool {
	return len(s) == length && len(bytes.TrimLeft(s, "0123456789abcdefABCDEF")) == 0
}

func address(c *check, v value) {
	if !isText(c, v) {
		return
	}
	ip, err := netip.ParseAddr(string(v.text()))
	switch {
	case len(v.text()) == 0:
		c.warn(EmptyValue)
	case err != nil || ip.Zone() != "":
		c.wrongValue("Not a valid IP address.")
	case ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified():
		c.warn(PrivateAddress)
	}
}

// inClear accepts a text that is sent as it is, and warns of one that holds an e-mail address or a phone number.
func inClear(c *check, v value) {
	text(c, v)
	if v.kind() == jsontext.String && (mailIn(v.text()) || phoneIn(v.text())) {
		c.warn(PersonalData)
	}
}

// mailIn looks for an at sign, plain or escaped as in a URL, between two names of which the second has a dot.
func mailIn(text []byte) bool {
	before, after, ok := bytes.Cut(text, []byte("@"))
	if !ok {
		before, after, ok = bytes.Cut(text, []byte("%40"))
	}
	if !ok || len(before) == 0 || bytes.IndexByte([]byte("/?&= "), before[len(before)-1]) >= 0 {
		return false
	}
	host := after[:len(after)-len(bytes.TrimLeft(after, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"))]
	return bytes.IndexByte(bytes.Trim(host, "."), '.') > 0
}

// phoneIn looks for a plus sign, plain or escaped, and 8 to 15 digits.
func phoneIn(text []byte) bool {
	for _, plus := range []string{"+", "%2B", "%2b"} {
		_, after, ok := bytes.Cut(text, []byte(plus))
		if digits := len(after) - len(bytes.TrimLeft(after, "0123456789")); ok && digits >= 8 && digits <= 15 {
			return true
		}
	}
	return false
}

func webAddress(c *check, v value) {
	inClear(c, v)
	if v.kind() != jsontext.String {
		return
	}
	url := v.text()
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	web := bytes.EqualFold(scheme, []byte("https")) || bytes.EqualFold(scheme, []byte("http"))
	if !ok || !web || len(rest) == 0 || bytes.IndexByte([]byte("/?# "), rest[0]) >= 0 {
		c.wrongValue("Not a valid URL.")
	}
}

func currency(c *check, v value) {
	if isText(c, v) && !currencies[string(v.text())] {
		c.wrongValue("Not a valid currency.")
	}
}
