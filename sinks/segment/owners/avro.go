package owners

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Records are Avro in binary (schemas/owned), written and read by hand: there are millions of them. Each begins with the
// version of its form.
const formVersion = 1

var errBroken = errors.New("not a record of a streamed audience's topics")

// LaterForm says that a record was written by a later version of tokrelay.
type LaterForm struct{ Version int64 }

func (e *LaterForm) Error() string {
	return fmt.Sprintf("a record has form %d, and this version of tokrelay knows forms up to %d: run the version that wrote it, or a later one", e.Version, formVersion)
}

func appendLong(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func appendBytes(b, v []byte) []byte { return append(binary.AppendVarint(b, int64(len(v))), v...) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader reads fields one after the other; what it returns aliases the record. It remembers that it could not.
type reader struct {
	rest   []byte
	broken bool
}

// form reads the version of a record's form.
func (r *reader) form() error {
	switch v := r.long(); {
	case r.broken || v < 1:
		return errBroken
	case v > formVersion:
		return &LaterForm{v}
	}
	return nil
}

// end is the error of a record that was read.
func (r *reader) end() error {
	if r.broken {
		return errBroken
	}
	return nil
}

func (r *reader) long() int64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // most are short
		b := r.rest[0]
		r.rest = r.rest[1:]
		return int64(b>>1) ^ -int64(b&1)
	}
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) fixed(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.broken, r.rest = true, nil
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bool() bool {
	v := r.fixed(1)
	return len(v) == 1 && v[0] != 0
}

func (r *reader) bytes() []byte {
	n := r.long()
	if n > int64(len(r.rest)) {
		n = -1
	}
	return r.fixed(int(n))
}

// tag reads a sync's.
func (r *reader) tag() (t Tag) {
	copy(t[:], r.fixed(len(t)))
	return t
}
