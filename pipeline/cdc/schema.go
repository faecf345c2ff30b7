package cdc

// Source is a schema's text and what it refers to, dependencies first.
type Source struct {
	Text       string
	References []Reference
	ID         string // the id as text, for people
	JSON       bool   // the text is a JSON Schema, and values are JSON
}

// Reference is a schema that another one uses by name.
type Reference struct{ Name, Text string }

// kind is a type of the Avro specification.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindArray
	kindMap
	kindRecord
	kindUnion
	kindAny // a JSON value nobody described; no Avro type
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum", "array",
	"map", "record", "union", "any"}

func (k kind) String() string { return kindNames[k] }

// primitive kinds are written by their name alone.
var primitives = map[string]kind{"null": kindNull, "boolean": kindBool, "int": kindInt, "long": kindLong, "float": kindFloat,
	"double": kindDouble, "bytes": kindBytes, "string": kindString}

// typ is a type of a writer schema, with what Connect and Avro say it means. Types are shared, may be recursive and never
// change once parsed.
type typ struct {
	kind    kind
	name    string // the full name of a record, enum or fixed as the schema has it
	goName  string // the name goavro knows it by
	meaning meaning
	scale   int32 // of a decimal
	size    int   // of a fixed; the length of Bits
	minSize int   // the least bytes a value takes

	fields    []field
	index     map[string]int // fields by name
	items     *typ           // of an array or map
	branches  []*typ         // of a union
	symbols   [][]byte
	goSymbols []string
}

type field struct {
	name   string
	goName string
	typ    *typ
}

// nullable splits a union of null and one other type: the other type and the index of null.
func (t *typ) nullable() (other *typ, null int, ok bool) {
	if t.kind != kindUnion || len(t.branches) != 2 {
		return t, -1, false
	}
	switch {
	case t.branches[0].kind == kindNull:
		return t.branches[1], 0, true
	case t.branches[1].kind == kindNull:
		return t.branches[0], 1, true
	}
	return t, -1, false
}

// field finds a field by its exact name.
func (t *typ) field(name string) (*typ, bool) {
	if i, ok := t.index[name]; ok {
		return t.fields[i].typ, true
	}
	return nil, false
}

// addField adds a field of a name the record does not have yet.
func (t *typ) addField(name string, of *typ) {
	if t.index == nil {
		t.index = map[string]int{}
	}
	if _, known := t.index[name]; !known {
		t.index[name] = len(t.fields)
		t.fields = append(t.fields, field{name: name, typ: of})
	}
}

// shortName is the last part of a full name.
func (t *typ) shortName() string {
	for i := len(t.name) - 1; i >= 0; i-- {
		if t.name[i] == '.' {
			return t.name[i+1:]
		}
	}
	return t.name
}

// measure sets the least size of every type. A type within itself counts nothing: it may end, or may not.
func measure(t *typ, seen map[*typ]bool) int {
	if seen[t] {
		return t.minSize
	}
	seen[t] = true
	t.minSize = 0
	size := 0
	switch t.kind {
	case kindNull:
	case kindFloat:
		size = 4
	case kindDouble:
		size = 8
	case kindFixed:
		size = t.size
	case kindRecord:
		for i := range t.fields {
			size = min(size+measure(t.fields[i].typ, seen), 1<<30)
		}
	case kindUnion:
		for _, b := range t.branches {
			measure(b, seen)
		}
		size = 1
	default:
		if t.items != nil {
			measure(t.items, seen)
		}
		size = 1
	}
	t.minSize = size
	return size
}

func (t *typ) isNull() bool { return t.kind == kindNull }
