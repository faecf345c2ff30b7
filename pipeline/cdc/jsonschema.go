package cdc

import (
	"context"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// A registry's JSON Schema describes values in JSON (JSON_SR). It is read for what Connect's converter writes into it: the
// columns, and by title and connect.type what their values mean. What it does not describe is read for what it looks like.

// jsonWriter compiles a JSON Schema. A writer without a program is one whose schema describes no row.
func (k *compiler) jsonWriter(src *avro.Source) (*writer, error) {
	var doc jsontext.Doc
	if err := doc.Parse([]byte(src.Text), avro.SchemaJSON); err != nil {
		return nil, err
	}
	root, _, _ := jsonSchemaType(&doc, 0, 0).Nullable()
	if root.Kind == avro.KindAny {
		root = &avro.Type{Kind: avro.KindAny, Name: doc.Text(0, "title")}
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
func describesRows(t *avro.Type) bool {
	return t.Kind == avro.KindRecord && !slices.ContainsFunc(t.Fields, func(f avro.Field) bool {
		of, _, _ := f.Type.Nullable()
		return roleOf(f.Name) != rolePassed && of.Kind == avro.KindAny
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
	switch kind := doc.Nodes[0].Kind; {
	case kind == jsontext.Null:
		return d.tombstone(ctx, r, into)
	case kind == jsontext.String:
		return d.jsonText(ctx, r, doc.Str(0), true, into)
	case kind != jsontext.Object:
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
var jsonSchemaKinds = map[string]avro.Kind{"string": avro.KindString, "boolean": avro.KindBool, "integer": avro.KindLong, "array": avro.KindArray, "object": avro.KindRecord}

// jsonSchemaType reads the schema at node i. What it cannot tell is any type.
func jsonSchemaType(doc *jsontext.Doc, i int32, depth int) *avro.Type {
	if depth > avro.MaxSchemaDepth || doc.Nodes[i].Kind != jsontext.Object {
		return anyType
	}
	if one, null := alternative(doc, i); one >= 0 {
		return nullableIf(null, jsonSchemaType(doc, one, depth+1))
	}
	k, null, ok := jsonSchemaKind(doc, i)
	if !ok {
		return anyType
	}
	t := &avro.Type{Kind: k}
	t.Describe(doc, i, "title", "connect.parameters")
	switch k {
	case avro.KindArray:
		t.Items = anyType
		if items, ok := doc.Member(i, "items"); ok {
			t.Items = jsonSchemaType(doc, items, depth+1)
		}
	case avro.KindRecord:
		t.Name = doc.Text(i, "title")
		if !jsonSchemaFields(doc, i, t, depth) {
			return anyType
		}
	}
	return nullableIf(null, t)
}

func nullableIf(null bool, t *avro.Type) *avro.Type {
	if !null || t.Kind == avro.KindUnion || t.Kind == avro.KindAny {
		return t
	}
	return &avro.Type{Kind: avro.KindUnion, Branches: []*avro.Type{{Kind: avro.KindNull}, t}}
}

// alternative is the only type but null of a oneOf or anyOf, -1 where there is no such list or more than one.
func alternative(doc *jsontext.Doc, i int32) (one int32, null bool) {
	list, ok := doc.Member(i, "oneOf")
	if !ok {
		list, ok = doc.Member(i, "anyOf")
	}
	one = -1
	if !ok || doc.Nodes[list].Kind != jsontext.Array {
		return one, false
	}
	for c := list + 1; c < doc.Nodes[list].Next; c = doc.Nodes[c].Next {
		switch {
		case doc.Text(c, "type") == "null":
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
func jsonSchemaKind(doc *jsontext.Doc, i int32) (k avro.Kind, null, ok bool) {
	word := doc.Text(i, "type")
	if list, listed := doc.Member(i, "type"); listed && doc.Nodes[list].Kind == jsontext.Array {
		for c := list + 1; c < doc.Nodes[list].Next; c = doc.Nodes[c].Next {
			if name := string(doc.Str(c)); name == "null" {
				null = true
			} else if word == "" {
				word = name
			} else {
				return 0, false, false
			}
		}
	}
	if k, ok = avro.ConnectKinds[doc.Text(i, "connect.type")]; ok && k != avro.KindMap {
		return k, null, true
	}
	k, ok = jsonSchemaKinds[word]
	return k, null, ok && doc.Text(i, "connect.type") == ""
}

// jsonSchemaFields reads the properties of an object. One that is not required may be left out, which is NULL.
func jsonSchemaFields(doc *jsontext.Doc, i int32, t *avro.Type, depth int) bool {
	all, ok := doc.Member(i, "properties")
	if !ok || doc.Nodes[all].Kind != jsontext.Object {
		return false
	}
	for k := all + 1; k < doc.Nodes[all].Next; k = doc.Nodes[k+1].Next {
		name := string(doc.Str(k))
		t.AddField(name, nullableIf(!isRequired(doc, i, name), jsonSchemaType(doc, k+1, depth+1)))
	}
	return len(t.Fields) > 0
}

func isRequired(doc *jsontext.Doc, i int32, name string) bool {
	list, ok := doc.Member(i, "required")
	if !ok || doc.Nodes[list].Kind != jsontext.Array {
		return false
	}
	for c := list + 1; c < doc.Nodes[list].Next; c = doc.Nodes[c].Next {
		if doc.Nodes[c].Kind == jsontext.String && string(doc.Str(c)) == name {
			return true
		}
	}
	return false
}
