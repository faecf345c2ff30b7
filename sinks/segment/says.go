package segment

import (
	"encoding/binary"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// says is what one row says of its person: whether it is a member, and by which digests. A Maker writes it as an item's body, which
// Sink.Deliver turns into an assertion; it is never sent. It aliases the items' buffer.
type says struct {
	member   bool   // the row is a member now
	asWas    bool   // it does not say if it is one: it is if it was
	keep     bool   // a member is remembered though it has no digest: rows of changed columns may not say again that it is one
	filtered bool   // it was left out by the sync's condition
	created  bool   // an insert or a snapshot: as far as it knows, the row is new
	kept     byte   // a row of changed columns: bits of the kinds of identifiers that did not change, which now leaves out
	now      []byte // its digests
	before   []byte // digests before the change that now does not have
}

const (
	flagMember = 1 << iota
	flagAsWas
	flagKeep
	flagFiltered
	flagCreated
)

func (t *says) appendTo(dst []byte) []byte {
	flags := byte(0)
	for i, on := range [...]bool{t.member, t.asWas, t.keep, t.filtered, t.created} {
		if on {
			flags |= 1 << i
		}
	}
	dst = append(dst, flags, t.kept)
	dst = binary.AppendUvarint(dst, uint64(len(t.now)))
	dst = append(dst, t.now...)
	return append(dst, t.before...)
}

// Says is what the i-th item of a sync's rows says: whether the row is a member, and the first bytes of its digests, or of those that it
// had, as pipeline.Items.Persons has them, after dst.
func Says(items *pipeline.Items, i int, dst []byte) (member bool, _ []byte) {
	t := readSays(items.Body(i))
	for _, set := range [...][]byte{t.now, t.before} {
		for d, rest := owners.Next(set); d != nil; d, rest = owners.Next(rest) {
			_, _, hash := owners.Parts(d)
			dst = append(dst, hash[:pipeline.DigestPrefix]...)
		}
	}
	return t.member || t.asWas, dst
}

func readSays(body []byte) says {
	flags := body[0]
	n, used := binary.Uvarint(body[2:])
	rest := body[2+used:]
	return says{
		member: flags&flagMember != 0, asWas: flags&flagAsWas != 0, keep: flags&flagKeep != 0, filtered: flags&flagFiltered != 0,
		created: flags&flagCreated != 0, kept: body[1], now: rest[:n:n], before: rest[n:],
	}
}
