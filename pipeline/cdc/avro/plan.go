package avro

import (
	"strings"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Plan reads one record of a writer schema: wanted columns into slots, everything else passed over. It is compiled once
// and shared; it never changes.
type Plan struct {
	dialect *Dialect
	leaves  map[*Type]*goavro.Codec // for the shapes goavro decodes
	Record  *Type
	Steps   []Step
	copies  []copied
	absent  []int32 // slots of columns the record does not have
	slots   []int32 // slots it fills
}

// Opcode is what a step does after a nullable union's branch is read.
type Opcode uint8

const (
	opSkip       Opcode = iota // anything, by its type
	opSkipVarint               // int, long
	opSkipText                 // string, bytes
	opSkipFixed
	opSkipDecimal // a decimal of any scale
	opSkipTexts   // a list of texts
	opValue       // anything, by its type
	opInt
	opLong
	opBool
	opDouble
	opText
	opBytes
	opRecord // columns within a nested record
)

// Step reads one field.
type Step struct {
	Op      Opcode
	Null    int8    // index of null in a union of null and one more; -1 if the field is not such a union
	Meaning Meaning // of the type below
	Slot    int32   // -1: nowhere
	Size    int32   // of opSkipFixed; of opSkipTexts, which branch of the items is null
	Type    *Type   // the type, without the nullable union around it
	sub     *Plan
	Field   *Field
}

// copied is a slot that takes its value, or a member of it, from another one.
type copied struct {
	from, to int32
	path     string
}

// member follows a path into a struct or JSON. What is not there (a map without that key) is NULL.
func (d *Dialect) member(v pipeline.Value, path string) pipeline.Value {
	for nested := true; nested && v.Kind() != pipeline.Unavailable; {
		if v.Kind() == pipeline.JSON || v.Kind() == pipeline.String {
			return d.jsonMember(v.Bytes(), path)
		}
		var head string
		head, path, nested = strings.Cut(path, ".")
		if v = v.Member(head); v.IsNull() {
			return pipeline.NullValue()
		}
	}
	return v
}
