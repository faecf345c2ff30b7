package identity

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Algorithm is how an identifier is hashed.
type Algorithm uint8

const (
	SHA256 Algorithm = iota + 1
	MD5
)

// Size is the digest's length in bytes.
func (a Algorithm) Size() int {
	switch a {
	case SHA256:
		return sha256.Size
	case MD5:
		return md5.Size
	}
	return 0
}

// Hash is the digest of an identifier. Only this package makes one: from clear text by the Hash method of each kind, or
// from a digest someone computed before, by ParseHash. It is comparable and fits as a map key; the zero
// Hash means none. It never shows itself: fmt, JSON, text and slog print [redacted]. The digest leaves through AppendHex
// and AppendDigest alone.
type Hash struct {
	// masked is the digest under the process's mask. A struct printed with %+v shows what its unexported fields hold
	// without asking their types, and so does the trace of a panic; what they show must not be a digest.
	masked    [sha256.Size]byte
	algorithm Algorithm
}

// mask lives as long as the process, so equal digests are equal Hashes, and dies with it.
var mask = func() (m [sha256.Size]byte) {
	rand.Read(m[:])
	return m
}()

func newHash(a Algorithm, digest []byte) (h Hash) {
	h.algorithm = a
	copy(h.masked[:], digest)
	applyMask(&h.masked)
	return h
}

func applyMask(digest *[sha256.Size]byte) { subtle.XORBytes(digest[:], digest[:], mask[:]) }

// fill makes the hash of a text, in place: returning one through several calls takes as long as half its making.
func (h *Hash) fill(a Algorithm, clear []byte) {
	if a == MD5 {
		sum := md5.Sum(clear)
		*h = newHash(MD5, sum[:])
		return
	}
	h.algorithm, h.masked = SHA256, sha256.Sum256(clear)
	applyMask(&h.masked)
}

func hashOf(a Algorithm, clear []byte) (h Hash) {
	h.fill(a, clear)
	return h
}

// ParseHash takes a digest in hexadecimal digits of either case: one stored before, or one from a column that is
// configured as hashed. It refuses the digests of placeholders. The text must be the digest and nothing else.
func ParseHash(a Algorithm, text []byte) (Hash, error) {
	var digest [sha256.Size]byte
	if a.Size() == 0 || len(text) != hex.EncodedLen(a.Size()) {
		return Hash{}, notThisDigest(text)
	}
	if _, err := hex.Decode(digest[:], text); err != nil {
		return Hash{}, RuleNotHashed
	}
	h := newHash(a, digest[:a.Size()])
	if matchesNobody[h] {
		return Hash{}, RuleKnownEmptyDigest
	}
	return h, nil
}

func notThisDigest(text []byte) Rule {
	if isSomeDigest(text) {
		return RuleWrongDigest
	}
	return RuleNotHashed
}

// IsZero says that there is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// AppendHex appends the digest as TikTok takes it: lower-case hexadecimal digits. The result is personal data.
func (h Hash) AppendHex(dst []byte) []byte {
	digest := h.digest()
	start := len(dst)
	dst = append(dst, noDigits[:2*h.algorithm.Size()]...)
	for i := 0; i < h.algorithm.Size(); i += 8 {
		word, digits := binary.LittleEndian.Uint64(digest[i:]), dst[start+2*i:]
		binary.LittleEndian.PutUint64(digits, hexDigits(word&0xffffffff))
		binary.LittleEndian.PutUint64(digits[8:], hexDigits(word>>32))
	}
	return dst
}

// noDigits keeps the place of digits.
var noDigits [2 * sha256.Size]byte

// hexDigits writes four bytes as eight digits at once: three digests in every row are many digits.
func hexDigits(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x>>4 | x<<8) & 0x0f0f0f0f0f0f0f0f // half a byte in each
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return x + 0x3030303030303030 + letters*('a'-'9'-1)
}

// AppendDigest appends the digest's bytes. The result is personal data.
func (h Hash) AppendDigest(dst []byte) []byte {
	digest := h.digest()
	return append(dst, digest[:h.algorithm.Size()]...)
}

func (h *Hash) digest() [sha256.Size]byte {
	d := h.masked
	applyMask(&d)
	return d
}

const redacted = "[redacted]"

func (h Hash) String() string               { return redacted }
func (h Hash) Format(s fmt.State, _ rune)   { io.WriteString(s, redacted) }
func (h Hash) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (h Hash) LogValue() slog.Value         { return slog.StringValue(redacted) }
