package segment

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// A claim is one digest of one type in one audience, in bytes: the type's number, the length of the audience and the
// audience (nothing: the sync's own), the digest. A set is claims one after the other, each once, in no special order.
// Sets are short: a few identifiers of one row.

func appendClaim(set []byte, kind member.Kind, audience []byte, h identity.Hash) []byte {
	start := len(set)
	set = append(set, byte(kind+1), byte(len(audience)))
	set = append(set, audience...)
	set = h.AppendDigest(set)
	if holds(set[:start], set[start:]) {
		return set[:start]
	}
	return set
}

// next cuts the first claim off a set. A broken set ends: sets come from this process, or from a topic that others could
// write to.
func next(set []byte) (claim, rest []byte) {
	if len(set) < 2 || int(set[0]) > member.Kinds || set[0] == 0 {
		return nil, nil
	}
	n := 2 + int(set[1]) + member.Kind(set[0]-1).Size()
	if len(set) < n {
		return nil, nil
	}
	return set[:n], set[n:]
}

func kindOf(claim []byte) member.Kind { return member.Kind(claim[0]) - 1 }
func audienceOf(claim []byte) []byte  { return claim[2 : 2+int(claim[1])] }
func digestOf(claim []byte) []byte    { return claim[2+int(claim[1]):] }

// holds reports whether the claim is in the set.
func holds(set, claim []byte) bool {
	for c, rest := next(set); c != nil; c, rest = next(rest) {
		if bytes.Equal(c, claim) {
			return true
		}
	}
	return false
}

// union appends the claims of add that set does not hold.
func union(set, add []byte) []byte {
	for c, rest := next(add); c != nil; c, rest = next(rest) {
		if !holds(set, c) {
			set = append(set, c...)
		}
	}
	return set
}

// without appends the claims of set that are not in other.
func without(dst, set, other []byte) []byte {
	for c, rest := next(set); c != nil; c, rest = next(rest) {
		if !holds(other, c) {
			dst = append(dst, c...)
		}
	}
	return dst
}

// sameSet reports whether both hold the same claims.
func sameSet(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	for c, rest := next(a); c != nil; c, rest = next(rest) {
		if !holds(b, c) {
			return false
		}
	}
	return true
}
