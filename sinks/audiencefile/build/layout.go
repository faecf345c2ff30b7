package build

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
)

// Layout is how a line looks: fixed columns of digests. A line in memory and in our own files is the digests' bytes, zeros
// where a column is empty; in an upload it is their hexadecimal digits.
type Layout struct {
	Kind    string // TikTok's calculate_type
	Header  string // first line of every file, "" where there is none
	Columns []Column
	Width   int
}

// Column is a digest's place in a line.
type Column struct{ At, Size int }

// Add puts a column of digests at the end of the line.
func (l *Layout) Add(size int) {
	l.Columns = append(l.Columns, Column{l.Width, size})
	l.Width += size
}

// name tells layouts apart: lines of another one cannot be compared.
func (l *Layout) name() string { return l.Kind + " " + l.Header }

// textSize is the longest a line can be in an upload, with its end.
func (l *Layout) textSize() int { return 2*l.Width + len(l.Columns) }

var noDigest [32]byte

// Empty reports whether the line has nothing in the column.
func (c Column) Empty(line []byte) bool {
	return bytes.Equal(line[c.At:c.At+c.Size], noDigest[:c.Size])
}

// digests is how many a line has.
func (l *Layout) digests(line []byte) (n int64) {
	for _, c := range l.Columns {
		if !c.Empty(line) {
			n++
		}
	}
	return n
}

// AppendText appends a line as an upload has it, without its end. The result is personal data.
func (l *Layout) AppendText(dst, line []byte) []byte {
	for i, c := range l.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !c.Empty(line) {
			dst = hex.AppendEncode(dst, line[c.At:c.At+c.Size])
		}
	}
	return dst
}

// scatter is a number that is spread evenly over lines: where a line belongs.
func scatter(line []byte) uint64 {
	var n uint64
	for len(line) >= 8 {
		n = (n ^ binary.LittleEndian.Uint64(line)) * 0x9e3779b97f4a7c15
		n ^= n >> 29
		line = line[8:]
	}
	return n
}
