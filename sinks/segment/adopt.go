package segment

import (
	"encoding/binary"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Adopt is what a record that earlier versions wrote to a sync's own members topic says of its row, as an assertion to its
// owner. A record that cannot be read is passed over; one without a value says that the row is not a member any more.
func Adopt(r *pipeline.Record) (key owners.Identity, a owners.Assertion, ok bool) {
	if r.Value == nil && len(r.Key) == len(key) {
		return owners.Identity(r.Key), owners.Assertion{What: owners.OfEarlier}, true
	}
	m, ok := readMember(r.Value)
	if ok = ok && len(r.Key) == len(key); !ok {
		return key, a, false
	}
	a = owners.Assertion{What: owners.OfEarlier, Member: m.nobody || len(m.wants) > 0, Keep: m.nobody, Rejected: m.letters, Digests: adopted(m.wants), Before: adopted(m.leaves),
		Source: owners.Source{Partition: m.partition, Offset: m.offset, Time: m.time}}
	return owners.Identity(r.Key), a, true
}

// adoptedMember is a member as earlier versions remembered it. Its sets alias the record.
type adoptedMember struct {
	nobody        bool // a member without digests
	letters       bool // there is a dead letter of it
	partition     int32
	offset, time  int64
	wants, leaves []byte // digests it has, and digests that it had and TikTok may still hold
}

func readMember(value []byte) (m adoptedMember, ok bool) {
	const version, letters, nobody = 1, 2, 4
	if len(value) < 2 || value[0] != version {
		return m, false
	}
	m.letters, m.nobody = value[1]&letters != 0, value[1]&nobody != 0
	r := numbers{rest: value[2:]}
	r.number() // of its resync
	m.partition, m.offset = int32(r.number()), int64(r.number())
	m.time = r.signed()
	n := r.number()
	if r.broken || n > uint64(len(r.rest)) {
		return m, false
	}
	m.wants, m.leaves = r.rest[:n:n], r.rest[n:]
	return m, true
}

// adopted is a set of digests in the form of owners: the earlier form of one was its type plus one, the length of its audience, the
// audience and the hash.
func adopted(old []byte) (set []byte) {
	for len(old) > 2 && old[0] > 0 && int(old[0]) <= member.Kinds {
		kind := member.Kind(old[0] - 1)
		from := 2 + int(old[1])
		to := from + kind.Size()
		if len(old) < to {
			break
		}
		set = owners.AddBytes(set, kind, old[2:from], old[from:to])
		old = old[to:]
	}
	return set
}

// numbers reads numbers and remembers that it could not.
type numbers struct {
	rest   []byte
	broken bool
}

func (r *numbers) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *numbers) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *numbers) skip(n int) {
	if n <= 0 {
		r.broken, n = true, len(r.rest)
	}
	r.rest = r.rest[n:]
}
