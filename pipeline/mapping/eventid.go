package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// DigestLength is the length of a row digest: 128 bits in hexadecimal digits, the length TikTok's partners recommend.
const DigestLength = 32

// Digest makes an id of a row's columns: the first 32 hexadecimal digits of a SHA-256 over, for every column in the
// order of the names, its name and its canonical text, each behind its length in four big-endian bytes. Columns without
// a value contribute nothing, so a nullable column added later changes no id. Values inside lists and records follow the
// same rule. See docs/decisions for why. A Digest belongs to one goroutine; Columns.Digest makes one over all columns.
type Digest struct {
	leaveOut []string            // columns that are no part of a digest over all, in addition to loadColumns
	suspect  func(column string) // nil, or told of each column that looks like one of them; may be told again
	buf      []byte
	shape    *pipeline.Shape
	heads    []head // of the shape's columns, in the order of their names
	known    map[*pipeline.Shape][]head
}

// head is what comes before the text of a column: its name behind its length, and room for the text's length.
type head struct {
	column int
	bytes  []byte
}

// All appends the digest over all columns of the row that say what it is; nothing if none of them has a value.
func (d *Digest) All(dst []byte, c *pipeline.Change) []byte {
	image := c.Row()
	if c.Shape == nil || !image.Present {
		return dst
	}
	if d.shape != c.Shape {
		d.learn(c.Shape)
	}
	buf := d.buf[:0]
	for i := range d.heads {
		h := &d.heads[i]
		if h.column < len(image.Values) && hasText(image.Values[h.column]) {
			buf = appendValue(append(buf, h.bytes...), image.Values[h.column])
		}
	}
	return d.sum(dst, buf)
}

// fewShapes are remembered: rows without a schema may have any number of them.
const fewShapes = 64

// learn decides which columns of a shape belong to the digest. Row after row has the same shape, or one of a few.
func (d *Digest) learn(s *pipeline.Shape) {
	heads, learned := d.known[s]
	if !learned {
		if heads = d.headsOf(s); d.known == nil || len(d.known) == fewShapes {
			d.known = map[*pipeline.Shape][]head{}
		}
		d.known[s] = heads
	}
	d.shape, d.heads = s, heads
}

func (d *Digest) headsOf(s *pipeline.Shape) (heads []head) {
	for _, i := range s.Sorted {
		name := s.Names[i]
		if d.leaves(name) {
			continue
		}
		if d.suspect != nil && LooksLikeLoad(name) {
			d.suspect(name)
		}
		heads = append(heads, head{int(i), append(appendName(nil, name), noLength...)})
	}
	return heads
}

func (d *Digest) leaves(name string) bool {
	return isLoad(name) || slices.ContainsFunc(d.leaveOut, func(other string) bool { return strings.EqualFold(name, other) })
}

// Of appends the digest over some columns, given in the order of their names.
func (d *Digest) Of(dst []byte, c *pipeline.Change, names []string, columns []int) []byte {
	buf := d.buf[:0]
	if image := c.Row(); image.Present {
		for i, name := range names {
			if columns[i] < len(image.Values) {
				buf = appendMember(buf, name, image.Values[columns[i]])
			}
		}
	}
	return d.sum(dst, buf)
}

func (d *Digest) sum(dst, buf []byte) []byte {
	if d.buf = buf; len(buf) == 0 {
		return dst
	}
	sum := sha256.Sum256(buf)
	return hex.AppendEncode(dst, sum[:DigestLength/2])
}

// hasText is false for columns without a value.
func hasText(v pipeline.Value) bool {
	return v.Kind() > pipeline.Unavailable
}

// appendMember appends a name and a value, unless there is no value.
func appendMember(dst []byte, name string, v pipeline.Value) []byte {
	if !hasText(v) {
		return dst
	}
	return appendValue(append(appendName(dst, name), noLength...), v)
}

func appendName(dst []byte, name string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(name))), name...)
}

// noLength keeps the place of a length.
var noLength = []byte{0, 0, 0, 0}

// appendValue appends the text of a value, and fills in its length before it.
func appendValue(dst []byte, v pipeline.Value) []byte {
	start := len(dst)
	switch v.Kind() {
	case pipeline.String, pipeline.JSON:
		dst = append(dst, v.Bytes()...)
	case pipeline.Struct:
		dst = append(dst, '{')
		for i, name := range v.Names() {
			dst = appendMember(dst, name, v.Elems()[i])
		}
	case pipeline.List:
		dst = append(dst, '[')
		for _, e := range v.Elems() {
			dst = appendValue(append(dst, noLength...), e)
		}
	case pipeline.Decimal:
		dst = appendDecimal(dst, v)
	default:
		dst = v.AppendText(dst)
	}
	binary.BigEndian.PutUint32(dst[start-4:], uint32(len(dst)-start))
	return dst
}

// appendDecimal appends a decimal without the zeros that its scale alone puts behind the point: 12.50 and 12.5000 are one
// number, and the schema says which of them a row has.
func appendDecimal(dst []byte, v pipeline.Value) []byte {
	start := len(dst)
	dst = v.AppendText(dst)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		return dst
	}
	return bytes.TrimSuffix(bytes.TrimRight(dst, "0"), []byte("."))
}
