package mapping

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// DigestLength is the length of a row digest: 128 bits in hexadecimal digits, the length TikTok's partners recommend.
const DigestLength = 32

// Digest makes an id of a row's columns: the first 32 hexadecimal digits of a SHA-256 over, for every column in the
// order of the names, its name and its canonical text, each behind its length in four big-endian bytes. Columns without
// a value contribute nothing, so a nullable column added later changes no id. Values inside lists and records follow the
// same rule. See docs/decisions for why. A Digest belongs to one goroutine.
type Digest struct{ buf []byte }

// All appends the digest over all columns of the row; nothing if the row has no value at all.
func (d *Digest) All(dst []byte, c *pipeline.Change) []byte {
	d.buf = d.buf[:0]
	if image := c.Row(); c.Shape != nil && image.Present {
		for _, i := range c.Shape.Sorted {
			if int(i) < len(image.Values) {
				d.member(c.Shape.Names[i], &image.Values[i])
			}
		}
	}
	return d.sum(dst)
}

// Of appends the digest over some columns, given in the order of their names.
func (d *Digest) Of(dst []byte, c *pipeline.Change, names []string, columns []int) []byte {
	d.buf = d.buf[:0]
	if image := c.Row(); image.Present {
		for i, name := range names {
			if columns[i] < len(image.Values) {
				d.member(name, &image.Values[columns[i]])
			}
		}
	}
	return d.sum(dst)
}

func (d *Digest) sum(dst []byte) []byte {
	if len(d.buf) == 0 {
		return dst
	}
	sum := sha256.Sum256(d.buf)
	return hex.AppendEncode(dst, sum[:DigestLength/2])
}

// member adds a name and a value, unless there is no value.
func (d *Digest) member(name string, v *pipeline.Value) {
	switch v.Kind() {
	case pipeline.Missing, pipeline.Null, pipeline.Unavailable:
		return
	}
	d.buf = binary.BigEndian.AppendUint32(d.buf, uint32(len(name)))
	d.buf = append(d.buf, name...)
	d.value(v)
}

// value adds the length and the text of a value; where the text is not at hand, its length is filled in behind it.
func (d *Digest) value(v *pipeline.Value) {
	if v.Kind() == pipeline.String || v.Kind() == pipeline.JSON {
		d.buf = binary.BigEndian.AppendUint32(d.buf, uint32(len(v.Bytes())))
		d.buf = append(d.buf, v.Bytes()...)
		return
	}
	start := len(d.buf)
	d.buf = append(d.buf, 0, 0, 0, 0)
	switch v.Kind() {
	case pipeline.Int:
		d.buf = strconv.AppendInt(d.buf, v.Int(), 10)
	case pipeline.Struct:
		d.members(v)
	case pipeline.List:
		d.elements(v.Elems())
	default:
		d.buf = v.AppendText(d.buf)
	}
	binary.BigEndian.PutUint32(d.buf[start:], uint32(len(d.buf)-start-4))
}

func (d *Digest) members(v *pipeline.Value) {
	d.buf = append(d.buf, '{')
	elems := v.Elems()
	for i, name := range v.Names() {
		d.member(name, &elems[i])
	}
}

func (d *Digest) elements(elems []pipeline.Value) {
	d.buf = append(d.buf, '[')
	for i := range elems {
		d.value(&elems[i])
	}
}
