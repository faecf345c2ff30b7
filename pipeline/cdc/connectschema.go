package cdc

import (
	"errors"
	"fmt"
	"strconv"
)

// connectKinds are the types of Connect's own schemas, as its JsonConverter writes them beside the payload.
var connectKinds = map[string]kind{"int8": kindInt, "int16": kindInt, "int32": kindInt, "int64": kindLong, "float": kindFloat,
	"float32": kindFloat, "double": kindDouble, "float64": kindDouble, "boolean": kindBool, "string": kindString,
	"bytes": kindBytes, "array": kindArray, "map": kindMap, "struct": kindRecord}

// connectType reads the schema at node i into the same types an Avro schema is read into.
func connectType(doc *jsonDoc, i int32, depth int) (*typ, error) {
	if depth > maxSchemaDepth {
		return nil, errSchemaDepth
	}
	k, ok := connectKinds[doc.textOf(i, "type")]
	if !ok {
		return nil, errors.New("a type is none of Connect's")
	}
	t := &typ{kind: k}
	t.describe(doc, i, "name", "parameters")
	var err error
	switch k {
	case kindArray:
		t.items, err = connectItems(doc, i, "items", depth)
	case kindMap:
		t.items, err = connectItems(doc, i, "values", depth)
	case kindRecord:
		t.name = doc.textOf(i, "name")
		err = connectFields(doc, i, t, depth)
	}
	if err != nil {
		return nil, err
	}
	if optional, ok := doc.member(i, "optional"); ok && doc.nodes[optional].kind == jsonTrue {
		t = &typ{kind: kindUnion, branches: []*typ{{kind: kindNull}, t}}
	}
	return t, nil
}

// describe sets what values of the type mean, by the members that hold Connect's name and parameters.
func (t *typ) describe(doc *jsonDoc, i int32, nameMember, parametersMember string) {
	t.meaning = meaningOf(doc.textOf(i, nameMember), "", t.kind)
	parameters, ok := doc.member(i, parametersMember)
	if !ok {
		return
	}
	switch length, _ := strconv.Atoi(doc.textOf(parameters, "length")); {
	case t.meaning == decimal:
		scale, err := strconv.ParseInt(doc.textOf(parameters, "scale"), 10, 32)
		if t.scale = int32(scale); err != nil {
			t.meaning = plain
		}
	case t.meaning == bitSet && (length <= 0 || length > 63):
		t.meaning = plain
	}
}

func connectItems(doc *jsonDoc, i int32, member string, depth int) (*typ, error) {
	of, ok := doc.member(i, member)
	if !ok {
		return nil, fmt.Errorf("a type has no %s", member)
	}
	return connectType(doc, of, depth+1)
}

func connectFields(doc *jsonDoc, i int32, t *typ, depth int) error {
	list, ok := doc.member(i, "fields")
	if !ok || doc.nodes[list].kind != jsonArray {
		return errors.New("a struct has no fields")
	}
	for f := list + 1; f < doc.nodes[list].next; f = doc.nodes[f].next {
		of, err := connectType(doc, f, depth+1)
		if err != nil {
			return err
		}
		t.addField(doc.textOf(f, "field"), of)
	}
	return nil
}
