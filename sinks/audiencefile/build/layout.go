package audiencefile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// layout is how a line looks: fixed columns of digests, one per mapped type. A line in memory and in our own files is the
// digests' bytes, zeros where a column is empty; in an upload it is their hexadecimal digits.
type layout struct {
	columns []column
	width   int
	kind    string // calculate_type
	header  string // first line of every file, "" where there is one column
}

type column struct {
	at, size int
}

// headers are the types' columns in a file of several.
var headers = [member.Kinds]string{"email_SHA256", "phone_SHA256", "MAID_SHA256", "MAID_MD5", "MAID_SHA256", "MAID_MD5"}

// multipleTypes is the calculate_type of files with several columns; of one column it is the type's name.
const multipleTypes = "MULTIPLE_TYPES"

func newLayout(ids []member.Reader) layout {
	l := layout{kind: ids[0].Kind.Name()}
	var names []string
	for _, id := range ids {
		size := id.Kind.Size()
		l.columns = append(l.columns, column{l.width, size})
		l.width += size
		names = append(names, headers[id.Kind])
	}
	if len(ids) > 1 {
		l.kind, l.header = multipleTypes, strings.Join(names, ",")+"\n"
	}
	return l
}

// name tells layouts apart: lines of another one cannot be compared.
func (l *layout) name() string { return l.kind + " " + l.header }

// textSize is the longest a line can be in an upload, with its end.
func (l *layout) textSize() int { return 2*l.width + len(l.columns) }

var noDigest [32]byte

// appendText appends a line as an upload has it, without its end. The result is personal data.
func (l *layout) appendText(dst, line []byte) []byte {
	for i, c := range l.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		digest := line[c.at : c.at+c.size]
		if !bytes.Equal(digest, noDigest[:c.size]) {
			dst = hex.AppendEncode(dst, digest)
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
