package avro

// Source is a schema's text and what it refers to, dependencies first.
type Source struct {
	Text       string
	References []Reference
	ID         string // the id as text, for people
	JSON       bool   // the text is a JSON Schema, and values are JSON
}

// Reference is a schema that another one uses by name.
type Reference struct{ Name, Text string }

// Kind is a type of the Avro specification.
type Kind uint8

const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindLong
	KindFloat
	KindDouble
	KindBytes
	KindString
	KindFixed
	KindEnum
	KindArray
	KindMap
	KindRecord
	KindUnion
	KindAny // a JSON value without a description; not an Avro type
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum", "array",
	"map", "record", "union", "any"}

func (k Kind) String() string { return kindNames[k] }

// primitive kinds are written by their name alone.
var Primitives = map[string]Kind{"null": KindNull, "boolean": KindBool, "int": KindInt, "long": KindLong, "float": KindFloat,
	"double": KindDouble, "bytes": KindBytes, "string": KindString}

// Type is a type of a writer schema, with what Connect and Avro say it means. Types are shared, may be recursive and never
// change once parsed.
type Type struct {
	Kind    Kind
	Name    string // the full name of a record, enum or fixed as the schema has it
	goName  string // the name goavro knows it by
	Meaning Meaning
	Scale   int32 // of a decimal
	Size    int   // of a fixed; the length of Bits
	minSize int   // the least bytes a value takes

	Fields    []Field
	index     map[string]int // fields by name
	Items     *Type          // of an array or map
	Branches  []*Type        // of a union
	Symbols   [][]byte
	goSymbols []string
}

type Field struct {
	Name   string
	GoName string
	Type   *Type
}

// Nullable splits a union of null and one other type: the other type and the index of null.
func (t *Type) Nullable() (other *Type, null int, ok bool) {
	if t.Kind != KindUnion || len(t.Branches) != 2 {
		return t, -1, false
	}
	switch {
	case t.Branches[0].Kind == KindNull:
		return t.Branches[1], 0, true
	case t.Branches[1].Kind == KindNull:
		return t.Branches[0], 1, true
	}
	return t, -1, false
}

// Field finds a field by its exact name.
func (t *Type) Field(name string) (*Type, bool) {
	if i, ok := t.index[name]; ok {
		return t.Fields[i].Type, true
	}
	return nil, false
}

// AddField adds a field of a name the record does not have yet.
func (t *Type) AddField(name string, of *Type) {
	if t.index == nil {
		t.index = map[string]int{}
	}
	if _, known := t.index[name]; !known {
		t.index[name] = len(t.Fields)
		t.Fields = append(t.Fields, Field{Name: name, Type: of})
	}
}

// ShortName is the last part of a full name.
func (t *Type) ShortName() string {
	for i := len(t.Name) - 1; i >= 0; i-- {
		if t.Name[i] == '.' {
			return t.Name[i+1:]
		}
	}
	return t.Name
}

// measure sets the least size of every type. A type within itself counts nothing: it may end, or may not.
func measure(t *Type, seen map[*Type]bool) int {
	if seen[t] {
		return t.minSize
	}
	seen[t] = true
	t.minSize = 0
	size := 0
	switch t.Kind {
	case KindNull:
	case KindFloat:
		size = 4
	case KindDouble:
		size = 8
	case KindFixed:
		size = t.Size
	case KindRecord:
		for i := range t.Fields {
			size = min(size+measure(t.Fields[i].Type, seen), 1<<30)
		}
	case KindUnion:
		for _, b := range t.Branches {
			measure(b, seen)
		}
		size = 1
	default:
		if t.Items != nil {
			measure(t.Items, seen)
		}
		size = 1
	}
	t.minSize = size
	return size
}

func (t *Type) IsNull() bool { return t.Kind == KindNull }
