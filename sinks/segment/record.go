package segment

import (
	"encoding/binary"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// record is what is remembered of a member, as the members topic has it.
type record struct {
	pending    bool // calls are or were under way: TikTok may hold any part of wants and leaves
	member     bool // the row is a member's, and wants nothing: rows of changed columns may not say again that it is
	letters    bool // there is a dead letter of the member, so every row must move the position
	generation uint64

	// The position of the row this record is of.
	partition int32
	offset    int64
	time      int64 // Unix milliseconds

	wants  []byte // claims the member has now
	leaves []byte // claims it had, and that TikTok may still hold for it
}

const (
	recordVersion = 1

	flagPending = 1
	flagLetters = 2
	flagNobody  = 4
)

func (m *record) appendTo(dst []byte) []byte {
	flags := byte(0)
	if m.pending {
		flags |= flagPending
	}
	if m.letters {
		flags |= flagLetters
	}
	if m.member {
		flags |= flagNobody
	}
	dst = append(dst, recordVersion, flags)
	dst = binary.AppendUvarint(dst, m.generation)
	dst = binary.AppendUvarint(dst, uint64(m.partition))
	dst = binary.AppendUvarint(dst, uint64(m.offset))
	dst = binary.AppendVarint(dst, m.time)
	dst = binary.AppendUvarint(dst, uint64(len(m.wants)))
	dst = append(dst, m.wants...)
	return append(dst, m.leaves...)
}

// readRecord reads what appendTo wrote; the sets alias value. A value it cannot read, of a later version or written by
// another program, is not a record.
func readRecord(value []byte) (m record, ok bool) {
	if len(value) < 2 || value[0] != recordVersion {
		return m, false
	}
	m.pending, m.letters, m.member = value[1]&flagPending != 0, value[1]&flagLetters != 0, value[1]&flagNobody != 0
	r := reader{rest: value[2:]}
	m.generation = r.number()
	m.partition, m.offset = int32(r.number()), int64(r.number())
	m.time = r.signed()
	n := r.number()
	if r.broken || n > uint64(len(r.rest)) {
		return record{}, false
	}
	m.wants, m.leaves = r.rest[:n:n], r.rest[n:]
	return m, true
}

// reader reads numbers and remembers that it could not.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.broken, n = true, len(r.rest)
	}
	r.rest = r.rest[n:]
}

// moveTo gives the record a row's position.
func (m *record) moveTo(r *pipeline.Record, generation uint64) {
	m.partition, m.offset, m.time, m.generation = r.Partition, r.Offset, r.Timestamp.UnixMilli(), generation
}

// moveToRecord gives the record another one's position.
func (m *record) moveToRecord(to *record) {
	m.partition, m.offset, m.time, m.generation = to.partition, to.offset, to.time, to.generation
}

// overtakes says that the record is of a later row than r. The time guards against a topic that was created again, whose
// offsets begin again.
func (m *record) overtakes(r *pipeline.Record, generation uint64) bool {
	return m.generation == generation && m.partition == r.Partition && m.offset > r.Offset && m.time >= r.Timestamp.UnixMilli()
}

// EachClaim calls each for every claim a value of the members topic holds a member to: what Memory counts.
func EachClaim(value []byte, each func(claim []byte)) {
	m, _ := readRecord(value)
	for c, rest := next(m.wants); c != nil; c, rest = next(rest) {
		each(c)
	}
}

// Forgettable reports whether a value of the members topic is of a member that is gone, and only kept for replays that
// are no longer possible: its last row is older than the time.
func Forgettable(value []byte, before time.Time) bool {
	m, ok := readRecord(value)
	return ok && !m.pending && !m.member && len(m.wants) == 0 && len(m.leaves) == 0 && m.time < before.UnixMilli()
}
