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
	if isText(c, v) && len(v.raw()) == 0 {
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
	c.list(v, text)
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

// hashed accepts one SHA-256 in lower-case hexadecimal.
func hashed(c *check, v value) {
	if !isText(c, v) {
		return
	}
	if !lowerHex(v.text(), 64) {
		c.wrong(stageValues, codeNotHashed, " is not hashed.")
		return
	}
	if knownHash(v.raw()) {
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
		if !isText(c, v) || lowerHex(v.text(), 64) {
			return
		}
		if raw := v.text(); len(raw) == 0 || !bytes.Equal(fold(raw), raw) {
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
	case err != nil || ip.Zone() != "":
		c.wrongValue("Not a valid IP address.")
	case ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified():
		c.warn(PrivateAddress)
	}
}

func webAddress(c *check, v value) {
	if !isText(c, v) {
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
