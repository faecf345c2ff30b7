package owners

import (
	"bytes"
	"encoding/binary"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// A digest is one identifier's hash of one type in one audience, as the records have it: the type, the audience as the
// row names it (nothing: the sync's own) and the hash. A set is digests one after the other, each once, in no special
// order. Sets are short: the identifiers of one row.

// AddDigest adds a digest to a set that does not hold it yet.
func AddDigest(set []byte, kind member.Kind, audience []byte, h identity.Hash) []byte {
	var room [32]byte
	return AddBytes(set, kind, audience, h.AppendDigest(room[:0]))
}

// AddBytes is AddDigest for the bytes of a hash that was read back.
func AddBytes(set []byte, kind member.Kind, audience, hash []byte) []byte {
	start := len(set)
	set = appendBytes(appendBytes(appendLong(set, int64(kind)), audience), hash)
	if Holds(set[:start], set[start:]) {
		return set[:start]
	}
	return set
}

// Next cuts the first digest off a set. A broken set ends: others could write to the topic that it is from.
func Next(set []byte) (digest, rest []byte) {
	r := reader{rest: set}
	kind := r.long()
	audience := r.bytes()
	hash := r.bytes()
	if r.broken || kind < 0 || kind >= int64(member.Kinds) || len(hash) != member.Kind(kind).Size() || len(audience) > mostAudience {
		return nil, nil
	}
	n := len(set) - len(r.rest)
	return set[:n:n], r.rest
}

// mostAudience is the longest name of an audience, in bytes.
const mostAudience = 200

// Parts are the parts of a digest.
func Parts(digest []byte) (kind member.Kind, audience, hash []byte) {
	r := reader{rest: digest}
	kind = member.Kind(r.long())
	audience = r.bytes()
	return kind, audience, r.bytes()
}

// Holds reports whether the digest is in the set.
func Holds(set, digest []byte) bool {
	for d, rest := Next(set); d != nil; d, rest = Next(rest) {
		if bytes.Equal(d, digest) {
			return true
		}
	}
	return false
}

// SameSet reports whether both hold the same digests.
func SameSet(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	for d, rest := Next(a); d != nil; d, rest = Next(rest) {
		if !Holds(b, d) {
			return false
		}
	}
	return true
}

// appendSet writes a set as Avro's array.
func appendSet(b, set []byte) []byte {
	n := 0
	for d, rest := Next(set); d != nil; d, rest = Next(rest) {
		n++
	}
	if n > 0 {
		b = append(appendLong(b, int64(n)), set...)
	}
	return append(b, 0)
}

// set reads what appendSet wrote: one block, and the end.
func (r *reader) set() []byte {
	n := r.long()
	if n == 0 || r.broken {
		return nil
	}
	set, rest := r.rest, r.rest
	for range n {
		var d []byte
		if d, rest = Next(rest); d == nil {
			r.broken = true
			return nil
		}
	}
	r.rest = rest
	if r.long() != 0 {
		r.broken = true
	}
	size := len(set) - len(rest)
	return set[:size:size]
}

// ownerOf is the claims partition of a digest, of n.
func ownerOf(digest []byte, n int32) int32 {
	_, _, hash := Parts(digest)
	return ownerOfHash(hash, n)
}

func ownerOfHash(hash []byte, n int32) int32 {
	return int32(binary.LittleEndian.Uint32(hash) % uint32(n))
}
