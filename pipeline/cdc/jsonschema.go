package cdc

import (
	"context"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// A registry's JSON Schema describes values in JSON (JSON_SR). It is read for what Connect's converter writes into it: the
// columns, and by title and connect.type what their values mean. What it does not describe is read for what it looks like.

// jsonWriter compiles a JSON Schema. A writer without a program is one whose schema describes no row.
func (k *compiler) jsonWriter(src *Source) (*writer, error) {
	var doc jsonDoc
	if err := doc.parse([]byte(src.Text), schemaJSON); err != nil {
		return nil, err
	}
	root, _, _ := jsonSchemaType(&doc, 0, 0).nullable()
	if root.kind == kindAny {
		root = &typ{kind: kindAny, name: doc.textOf(0, "title")}
	}
	w := &writer{id: src.ID, root: root, isJSON: true, limits: k.cfg.Limits, dialect: k.dialect}
	if k.passedOver(root) == "" && !describesRows(root) {
		return w, nil
	}
	p, err := k.forJSON().program(root)
	if err != nil {
		return nil, err
	}
	w.programs = []*program{p}
	return w, nil
}

// describesRows is true for a record whose images, if it has any, are records.
func describesRows(t *typ) bool {
	return t.kind == kindRecord && !slices.ContainsFunc(t.fields, func(f field) bool {
		of, _, _ := f.typ.nullable()
		return roleOf(f.name) != rolePassed && of.kind == kindAny
	})
}

// registered decodes the JSON of a record whose schema the registry has.
func (d *Decoder) registered(ctx context.Context, r *pipeline.Record, w *writer, body []byte, into *pipeline.Change) error {
	if len(w.programs) > 0 && w.programs[0].unread() {
		return d.finish(ctx, r, w, &reading{program: w.programs[0]}, into)
	}
	doc := d.jsonReader.doc()
	defer d.jsonReader.docs.Put(doc)
	if err := d.jsonReader.parse(doc, body); err != nil {
		return err
	}
	switch kind := doc.nodes[0].kind; {
	case kind == jsonNull:
		return d.tombstone(ctx, r, into)
	case kind == jsonString:
		return d.jsonText(ctx, r, doc.str(0), true, into)
	case kind != jsonObject:
		return notAnObject()
	case len(w.programs) == 0:
		var err error
		if w, err = d.jsonReader.asRow(doc); err != nil {
			return err
		}
	}
	return d.jsonRow(ctx, r, w, doc, 0, into)
}

// jsonSchemaKinds are JSON Schema's types. A number is read exactly, by what it looks like.
var jsonSchemaKinds = map[string]kind{"string": kindString, "boolean": kindBool, "integer": kindLong, "array": kindArray, "object": kindRecord}

// jsonSchemaType reads the schema at node i. What it cannot tell is any type.
func jsonSchemaType(doc *jsonDoc, i int32, depth int) *typ {
	if depth > maxSchemaDepth || doc.nodes[i].kind != jsonObject {
		return anyType
	}
	if one, null := alternative(doc, i); one >= 0 {
		return nullableIf(null, jsonSchemaType(doc, one, depth+1))
	}
	k, null, ok := jsonSchemaKind(doc, i)
	if !ok {
		return anyType
	}
	t := &typ{kind: k}
	t.describe(doc, i, "title", "connect.parameters")
	switch k {
	case kindArray:
		t.items = anyType
		if items, ok := doc.member(i, "items"); ok {
			t.items = jsonSchemaType(doc, items, depth+1)
		}
	case kindRecord:
		t.name = doc.textOf(i, "title")
		if !jsonSchemaFields(doc, i, t, depth) {
			return anyType
		}
	}
	return nullableIf(null, t)
}

func nullableIf(null bool, t *typ) *typ {
	if !null || t.kind == kindUnion || t.kind == kindAny {
		return t
	}
	return &typ{kind: kindUnion, branches: []*typ{{kind: kindNull}, t}}
}

// alternative is the only type but null of a oneOf or anyOf, -1 where there is no such list or more than one.
func alternative(doc *jsonDoc, i int32) (one int32, null bool) {
	list, ok := doc.member(i, "oneOf")
	if !ok {
		list, ok = doc.member(i, "anyOf")
	}
	one = -1
	if !ok || doc.nodes[list].kind != jsonArray {
		return one, false
	}
	for c := list + 1; c < doc.nodes[list].next; c = doc.nodes[c].next {
		switch {
		case doc.textOf(c, "type") == "null":
			null = true
		case one >= 0:
			return -1, false
		default:
			one = c
		}
	}
	return one, null
}

// jsonSchemaKind is the kind of a schema's type: Connect's where it says so, else JSON's.
func jsonSchemaKind(doc *jsonDoc, i int32) (k kind, null, ok bool) {
	word := doc.textOf(i, "type")
	if list, listed := doc.member(i, "type"); listed && doc.nodes[list].kind == jsonArray {
		for c := list + 1; c < doc.nodes[list].next; c = doc.nodes[c].next {
			if name := string(doc.str(c)); name == "null" {
				null = true
			} else if word == "" {
				word = name
			} else {
				return 0, false, false
			}
		}
	}
	if k, ok = connectKinds[doc.textOf(i, "connect.type")]; ok && k != kindMap {
		return k, null, true
	}
	k, ok = jsonSchemaKinds[word]
	return k, null, ok && doc.textOf(i, "connect.type") == ""
}

// jsonSchemaFields reads the properties of an object. One that is not required may be left out, which is NULL.
func jsonSchemaFields(doc *jsonDoc, i int32, t *typ, depth int) bool {
	all, ok := doc.member(i, "properties")
	if !ok || doc.nodes[all].kind != jsonObject {
		return false
	}
	for k := all + 1; k < doc.nodes[all].next; k = doc.nodes[k+1].next {
		name := string(doc.str(k))
		t.addField(name, nullableIf(!isRequired(doc, i, name), jsonSchemaType(doc, k+1, depth+1)))
	}
	return len(t.fields) > 0
}

func isRequired(doc *jsonDoc, i int32, name string) bool {
	list, ok := doc.member(i, "required")
	if !ok || doc.nodes[list].kind != jsonArray {
		return false
	}
	for c := list + 1; c < doc.nodes[list].next; c = doc.nodes[c].next {
		if doc.nodes[c].kind == jsonString && string(doc.str(c)) == name {
			return true
		}
	}
	return false
}
