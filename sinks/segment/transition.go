package segment

import "encoding/binary"

// transition is what one row says of its person: whether it was and is a member, with which claims. A Maker writes it as
// an item's body, which Sink.Deliver reads; it is never sent. It aliases the items' buffer.
type transition struct {
	member   bool   // the row is a member now
	oldKnown bool   // old is the whole truth: a full before-image, or a row that was not there before
	doubtful bool   // the row before the change was rejected in its time: what is left of old may be held, and may be not
	filtered bool   // the row was left out by the sync's condition, and is not a member
	created  bool   // an insert or a snapshot: as far as it knows, the row is new
	asWas    bool   // a row of changed columns, of which none says if it is a member: it is one if it was
	belongs  bool   // a row that was rejected says that it is a member: rows of changed columns may not say it again
	kept     byte   // a row of changed columns: bits of the kinds of identifiers that did not change, which now leaves out
	now      []byte // claims of the row; none for a member means that it has no identifier
	old      []byte // claims before the change
}

const (
	flagMember = 1 << iota
	flagOldKnown
	flagCreated
	flagFiltered
	flagAsWas
	flagDoubtful
	flagBelongs
)

func (t *transition) appendTo(dst []byte) []byte {
	flags := byte(0)
	for _, f := range []struct {
		on   bool
		flag byte
	}{{t.member, flagMember}, {t.oldKnown, flagOldKnown}, {t.created, flagCreated}, {t.filtered, flagFiltered}, {t.asWas, flagAsWas}, {t.doubtful, flagDoubtful},
		{t.belongs, flagBelongs}} {
		if f.on {
			flags |= f.flag
		}
	}
	dst = append(dst, flags, t.kept)
	dst = binary.AppendUvarint(dst, uint64(len(t.now)))
	dst = append(dst, t.now...)
	return append(dst, t.old...)
}

func readTransition(body []byte) transition {
	flags := body[0]
	n, used := binary.Uvarint(body[2:])
	rest := body[2+used:]
	return transition{
		member: flags&flagMember != 0, oldKnown: flags&flagOldKnown != 0, created: flags&flagCreated != 0, filtered: flags&flagFiltered != 0,
		asWas: flags&flagAsWas != 0, doubtful: flags&flagDoubtful != 0, belongs: flags&flagBelongs != 0, kept: body[1],
		now: rest[:n:n], old: rest[n:],
	}
}
