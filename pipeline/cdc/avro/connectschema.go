package avro

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// ConnectKinds are the types of Connect's own schemas, as its JsonConverter writes them next to the payload.
var ConnectKinds = map[string]Kind{"int8": KindInt, "int16": KindInt, "int32": KindInt, "int64": KindLong, "float": KindFloat,
	"float32": KindFloat, "double": KindDouble, "float64": KindDouble, "boolean": KindBool, "string": KindString,
	"bytes": KindBytes, "array": KindArray, "map": KindMap, "struct": KindRecord}

// ConnectType reads the schema at node i into the same types an Avro schema is read into.
func ConnectType(doc *jsontext.Doc, i int32, depth int) (*Type, error) {
	if depth > MaxSchemaDepth {
		return nil, errSchemaDepth
	}
	k, ok := ConnectKinds[doc.Text(i, "type")]
	if !ok {
		return nil, errors.New("a type is not one of Connect's")
	}
	t := &Type{Kind: k}
	t.Describe(doc, i, "name", "parameters")
	var err error
	switch k {
	case KindArray:
		t.Items, err = connectItems(doc, i, "items", depth)
	case KindMap:
		t.Items, err = connectItems(doc, i, "values", depth)
	case KindRecord:
		t.Name = doc.Text(i, "name")
		err = connectFields(doc, i, t, depth)
	}
	if err != nil {
		return nil, err
	}
	if optional, ok := doc.Member(i, "optional"); ok && doc.Nodes[optional].Kind == jsontext.True {
		t = &Type{Kind: KindUnion, Branches: []*Type{{Kind: KindNull}, t}}
	}
	return t, nil
}

// Describe sets what values of the type mean, by the members that hold Connect's name and parameters.
func (t *Type) Describe(doc *jsontext.Doc, i int32, nameMember, parametersMember string) {
	t.Meaning = meaningOf(doc.Text(i, nameMember), "", t.Kind)
	parameters, ok := doc.Member(i, parametersMember)
	if !ok {
		return
	}
	switch length, _ := strconv.Atoi(doc.Text(parameters, "length")); {
	case t.Meaning == Decimal:
		scale, err := strconv.ParseInt(doc.Text(parameters, "scale"), 10, 32)
		if t.Scale = int32(scale); err != nil {
			t.Meaning = Plain
		}
	case t.Meaning == bitSet && (length <= 0 || length > 63):
		t.Meaning = Plain
	}
}

func connectItems(doc *jsontext.Doc, i int32, member string, depth int) (*Type, error) {
	of, ok := doc.Member(i, member)
	if !ok {
		return nil, fmt.Errorf("a type has no %s", member)
	}
	return ConnectType(doc, of, depth+1)
}

func connectFields(doc *jsontext.Doc, i int32, t *Type, depth int) error {
	list, ok := doc.Member(i, "fields")
	if !ok || doc.Nodes[list].Kind != jsontext.Array {
		return errors.New("a struct has no fields")
	}
	for f := list + 1; f < doc.Nodes[list].Next; f = doc.Nodes[f].Next {
		of, err := ConnectType(doc, f, depth+1)
		if err != nil {
			return err
		}
		t.AddField(doc.Text(f, "field"), of)
	}
	return nil
}
