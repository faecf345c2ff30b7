package cdc

import (
	"slices"
	"strconv"
)

// annotate notes what Connect and Avro say a type means. Numbers that make no sense drop the meaning: the value is then
// what its Avro type says.
func (p *parser) annotate(i int32, t *typ) {
	t.meaning = meaningOf(p.connectName(i), p.doc.textOf(i, "logicalType"), t.kind)
	if t.kind == kindBytes && p.connectName(i) == debezium+"data.Bits" {
		t.meaning = p.bitsMeaning(i)
	}
	switch t.meaning {
	case decimal:
		scale, ok := p.parameter(i, "scale")
		if !ok {
			scale, ok = p.integer(i, "scale")
		}
		if !ok && p.has(i, "scale") || scale != int64(int32(scale)) {
			t.meaning = plain
		}
		t.scale = int32(scale)
	case uuidFixed:
		if t.size != 16 {
			t.meaning = plain
		}
	}
}

func (p *parser) connectName(i int32) string { return p.doc.textOf(i, "connect.name") }

// bitsMeaning is a number where all bits fit one, else binary.
func (p *parser) bitsMeaning(i int32) meaning {
	if length, ok := p.parameter(i, "length"); ok && length > 0 && length < 64 {
		return bitSet
	}
	return plain
}

// parameter is a whole number among Connect's parameters, which are strings.
func (p *parser) parameter(i int32, name string) (int64, bool) {
	all, ok := p.doc.member(i, "connect.parameters")
	if !ok {
		return 0, false
	}
	return p.integer(all, name)
}

func (p *parser) has(i int32, name string) bool {
	_, ok := p.doc.member(i, name)
	return ok
}

func (p *parser) integer(i int32, name string) (int64, bool) {
	v, ok := p.doc.member(i, name)
	if !ok || !slices.Contains([]jsonKind{jsonNumber, jsonString}, p.doc.nodes[v].kind) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(p.doc.raw(v)), 10, 64)
	return n, err == nil
}
