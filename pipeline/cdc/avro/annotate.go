package avro

import (
	"slices"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// annotate notes what Connect and Avro say a type means. Numbers that make no sense drop the meaning: the value is then
// what its Avro type says.
func (p *parser) annotate(i int32, t *Type) {
	t.Meaning = meaningOf(p.connectName(i), p.doc.Text(i, "logicalType"), t.Kind)
	if t.Kind == KindBytes && p.connectName(i) == Debezium+"data.Bits" {
		t.Meaning = p.bitsMeaning(i)
	}
	switch t.Meaning {
	case Decimal:
		scale, ok := p.parameter(i, "scale")
		if !ok {
			scale, ok = p.integer(i, "scale")
		}
		if !ok && p.has(i, "scale") || scale != int64(int32(scale)) {
			t.Meaning = Plain
		}
		t.Scale = int32(scale)
	case uuidFixed:
		if t.Size != 16 {
			t.Meaning = Plain
		}
	}
}

func (p *parser) connectName(i int32) string { return p.doc.Text(i, "connect.name") }

// bitsMeaning is a number where all bits fit one, else binary.
func (p *parser) bitsMeaning(i int32) Meaning {
	if length, ok := p.parameter(i, "length"); ok && length > 0 && length < 64 {
		return bitSet
	}
	return Plain
}

// parameter is a whole number among Connect's parameters, which are strings.
func (p *parser) parameter(i int32, name string) (int64, bool) {
	all, ok := p.doc.Member(i, "connect.parameters")
	if !ok {
		return 0, false
	}
	return p.integer(all, name)
}

func (p *parser) has(i int32, name string) bool {
	_, ok := p.doc.Member(i, name)
	return ok
}

func (p *parser) integer(i int32, name string) (int64, bool) {
	v, ok := p.doc.Member(i, name)
	if !ok || !slices.Contains([]jsontext.Kind{jsontext.Number, jsontext.String}, p.doc.Nodes[v].Kind) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(p.doc.Raw(v)), 10, 64)
	return n, err == nil
}
