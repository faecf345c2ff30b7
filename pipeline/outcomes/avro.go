package outcomes

import (
	"encoding/binary"
	"errors"
)

// Records are Avro in binary, written and read by hand: there is one for every row. Before it comes the id that a schema registry
// gave the schema, as Confluent's clients write it, or where there is no registry Avro's single-object header. Fields are only ever
// added at the end: a record of an earlier version ends sooner, one of a later version has more, which is passed over.

// Head is what comes before each record.
type Head []byte

// HeadOf is the head of records whose schema has that id in a registry.
func HeadOf(id int) Head { return binary.BigEndian.AppendUint32([]byte{0}, uint32(id)) }

// Unregistered is the head where there is no registry: of Avro's single-object encoding.
func Unregistered() Head { return binary.LittleEndian.AppendUint64([]byte{0xC3, 0x01}, fingerprint) }

// fingerprint is CRC-64-AVRO of the schema in canonical form.
const fingerprint = 0x63d407323329d057

// Append appends the outcome as the value of its record.
func (o *Outcome) Append(b []byte, head Head) []byte {
	b = appendText(append(b, head...), o.Sync)
	b = appendText(b, o.Topic)
	b = appendLong(appendLong(b, int64(o.Partition)), o.Offset)
	b = appendOptional(appendOptional(b, o.Key), o.EventID)
	b = appendDigests(b, o.Digests)
	b = appendLong(appendLong(b, int64(o.Action)), int64(o.End))
	b = appendOptional(appendOptional(b, o.Stage), o.Reason)
	b = appendOptional(appendOptional(b, o.Field), o.Column)
	b = appendKnown(b, int64(o.Code), o.HasCode)
	b = appendOptional(appendOptional(b, o.RequestID), o.Call)
	b = appendLong(appendLong(b, o.Changed), o.Settled)
	b = appendOptional(appendOptional(b, o.Replay), o.By)
	b = appendKnown(b, int64(o.Letter.Partition), o.Letter.Known)
	return appendKnown(b, o.Letter.Offset, o.Letter.Known)
}

func appendLong(b []byte, v int64) []byte {
	if z := uint64(v)<<1 ^ uint64(v>>63); z < 0x80 {
		return append(b, byte(z))
	}
	return binary.AppendVarint(b, v)
}

func appendText[T string | []byte](b []byte, v T) []byte {
	return append(appendLong(b, int64(len(v))), v...)
}

// appendOptional appends a union of null and a text; null where it is empty.
func appendOptional[T string | []byte](b []byte, v T) []byte {
	if len(v) == 0 {
		return append(b, 0)
	}
	return appendText(append(b, 2), v)
}

// appendKnown appends a union of null and a number.
func appendKnown(b []byte, v int64, known bool) []byte {
	if !known {
		return append(b, 0)
	}
	return appendLong(append(b, 2), v)
}

// appendDigests appends an array in one block.
func appendDigests(b, digests []byte) []byte {
	if n := len(digests) / Prefix; n > 0 {
		b = appendLong(b, int64(n))
		for ; n > 0; n-- {
			b = append(append(b, 2*Prefix), digests[:Prefix]...)
			digests = digests[Prefix:]
		}
	}
	return append(b, 0)
}

// ErrNotOutcome is of a record that is not an outcome.
var ErrNotOutcome = errors.New("not an outcome of tokrelay")

// Decode reads a record's value into the outcome, whose memory it uses again. Key and EventID alias the value.
func (o *Outcome) Decode(value []byte) error {
	r := reader{rest: value}
	r.head()
	r.text(&o.Sync)
	r.text(&o.Topic)
	o.Partition, o.Offset = int32(r.long()), r.long()
	o.Key, o.EventID = r.optional(), r.optional()
	o.Digests = r.digests(o.Digests[:0])
	o.Action, o.End = Action(r.long()), End(r.long())
	for _, text := range [...]*string{&o.Stage, &o.Reason, &o.Field, &o.Column} {
		r.optionalText(text)
	}
	var code int64
	code, o.HasCode = r.known()
	o.Code = int(code)
	r.optionalText(&o.RequestID)
	r.optionalText(&o.Call)
	o.Changed, o.Settled = r.long(), r.long()
	r.optionalText(&o.Replay)
	r.optionalText(&o.By)
	partition, _ := r.known()
	o.Letter.Partition = int32(partition)
	o.Letter.Offset, o.Letter.Known = r.known()
	if r.broken {
		return ErrNotOutcome
	}
	return nil
}

// reader reads fields one after the other, and remembers that it could not.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) head() {
	switch {
	case len(r.rest) > 5 && r.rest[0] == 0:
		r.take(5)
	case len(r.rest) > 10 && r.rest[0] == 0xC3 && r.rest[1] == 0x01:
		r.take(10)
	default:
		r.broken, r.rest = true, nil
	}
}

func (r *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.rest)) {
		r.broken, r.rest = true, nil
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) long() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// text reads a text; one that the last record had as well is not copied again.
func (r *reader) text(into *string) { same(into, r.take(r.long())) }

func same(into *string, text []byte) {
	if *into != string(text) {
		*into = string(text)
	}
}

func (r *reader) optional() []byte {
	switch r.long() {
	case 0:
		return nil
	case 1:
		return r.take(r.long())
	}
	r.broken, r.rest = true, nil
	return nil
}

func (r *reader) optionalText(into *string) { same(into, r.optional()) }

func (r *reader) known() (v int64, known bool) {
	if r.long() == 0 {
		return 0, false
	}
	return r.long(), !r.broken
}

func (r *reader) digests(into []byte) []byte {
	for {
		n := r.long()
		if n < 0 { // a block with its size
			n = -n
			r.long()
		}
		if n == 0 || r.broken {
			return into
		}
		for ; n > 0 && !r.broken; n-- {
			if digest := r.take(r.long()); len(digest) == Prefix {
				into = append(into, digest...)
			}
		}
	}
}
