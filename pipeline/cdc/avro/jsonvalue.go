package avro

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// jsonValue gives node i of a document its value, by its type. JSON that does not fit the type is read for what it is.
func (d *Dialect) jsonValue(doc *jsontext.Doc, i int32, t *Type) pipeline.Value {
	n := doc.Nodes[i]
	of, _, _ := t.Nullable()
	switch {
	case n.Kind == jsontext.Null:
		return pipeline.NullValue()
	case of.Kind == KindAny:
		return d.inferred(doc, i)
	case n.Kind == jsontext.True, n.Kind == jsontext.False:
		return pipeline.BoolValue(n.Kind == jsontext.True)
	case n.Kind == jsontext.Number:
		return jsonNumberValue(doc.Raw(i), of)
	case n.Kind == jsontext.String:
		return d.jsonText(doc.Str(i), of)
	case n.Kind == jsontext.Array && of.Kind == KindArray:
		return d.jsonList(doc, i, of)
	case n.Kind == jsontext.Object && of.Kind == KindMap:
		return d.jsonMap(doc, i, of)
	case n.Kind == jsontext.Object && of.Kind == KindRecord:
		return d.jsonRecord(doc, i, of)
	}
	return d.inferred(doc, i)
}

// inferred reads a value without a description: numbers exactly, nested values as JSON.
func (d *Dialect) inferred(doc *jsontext.Doc, i int32) pipeline.Value {
	switch doc.Nodes[i].Kind {
	case jsontext.Null:
		return pipeline.NullValue()
	case jsontext.True, jsontext.False:
		return pipeline.BoolValue(doc.Nodes[i].Kind == jsontext.True)
	case jsontext.Number:
		return NumberValue(doc.Raw(i))
	case jsontext.String:
		return d.stringValue(Plain, doc.Str(i))
	}
	if d.isPlaceholderJSON(doc, i) {
		return pipeline.UnavailableValue()
	}
	return pipeline.JSONValue(doc.Raw(i))
}

// isPlaceholderJSON finds the placeholder as a list or map.
func (d *Dialect) isPlaceholderJSON(doc *jsontext.Doc, i int32) bool {
	n, first := doc.Nodes[i], i+1
	if n.Next == first || doc.Nodes[first].Kind > jsontext.String {
		return false
	}
	if n.Kind == jsontext.Object {
		return n.Next == first+2 && d.isPlaceholder(doc.Str(first)) && d.isPlaceholder(doc.Str(first+1))
	}
	if doc.Nodes[first].Kind == jsontext.String {
		s := doc.Str(first)
		return n.Next == first+1 && (d.isPlaceholder(s) || bytes.Equal(s, d.uuid))
	}
	for k, c := range d.placeholder {
		at := first + int32(k)
		if at >= n.Next || doc.Nodes[at].Kind != jsontext.Number || string(doc.Raw(at)) != strconv.Itoa(int(int8(c))) {
			return false
		}
	}
	return len(d.placeholder) > 0 && n.Next == first+int32(len(d.placeholder))
}

func jsonNumberValue(text []byte, t *Type) pipeline.Value {
	switch t.Kind {
	case KindInt, KindLong:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return IntValue(t.Meaning, n)
		}
	case KindFloat:
		if f, err := strconv.ParseFloat(string(text), 32); err == nil {
			return pipeline.Float32Value(float32(f))
		}
	case KindDouble:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil {
			return pipeline.FloatValue(f)
		}
	}
	return NumberValue(text)
}

// jsonText reads a string. Connect writes binary, and decimals among it, as base64.
func (d *Dialect) jsonText(s []byte, t *Type) pipeline.Value {
	switch t.Kind {
	case KindBytes, KindFixed:
		b, err := base64.StdEncoding.AppendDecode(nil, s)
		if err != nil {
			return d.stringValue(Plain, s)
		}
		return d.BytesValue(t, b)
	case KindFloat, KindDouble:
		if f, err := strconv.ParseFloat(string(s), 64); err == nil { // NaN and Infinity are quoted
			return pipeline.FloatValue(f)
		}
	}
	return d.stringValue(t.Meaning, s)
}

func (d *Dialect) jsonList(doc *jsontext.Doc, i int32, t *Type) pipeline.Value {
	var elems []pipeline.Value
	for c := i + 1; c < doc.Nodes[i].Next; c = doc.Nodes[c].Next {
		elems = append(elems, d.jsonValue(doc, c, t.Items))
	}
	return d.listValue(elems)
}

func (d *Dialect) jsonMap(doc *jsontext.Doc, i int32, t *Type) pipeline.Value {
	type entry struct {
		name  string
		value pipeline.Value
	}
	var entries []entry
	for k := i + 1; k < doc.Nodes[i].Next; k = doc.Nodes[k+1].Next {
		entries = append(entries, entry{string(doc.Str(k)), d.jsonValue(doc, k+1, t.Items)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	names, values := make([]string, len(entries)), make([]pipeline.Value, len(entries))
	for n, e := range entries {
		names[n], values[n] = e.name, e.value
	}
	return d.mapValue(names, values)
}

func (d *Dialect) jsonRecord(doc *jsontext.Doc, i int32, t *Type) pipeline.Value {
	names, values := make([]string, len(t.Fields)), make([]pipeline.Value, len(t.Fields))
	for n, f := range t.Fields {
		names[n], values[n] = f.Name, pipeline.NullValue()
	}
	for k := i + 1; k < doc.Nodes[i].Next; k = doc.Nodes[k+1].Next {
		if n, ok := t.index[string(doc.Str(k))]; ok {
			values[n] = d.jsonValue(doc, k+1, t.Fields[n].Type)
		}
	}
	return recordValue(t.Meaning, pipeline.StructValue(names, values))
}

// jsonMember follows a path into a JSON text. What is not there is NULL.
func (d *Dialect) jsonMember(text []byte, path string) pipeline.Value {
	var doc jsontext.Doc
	if doc.Parse(text, jsontext.Limits{Depth: 64, Nodes: 1 << 18}) != nil {
		return pipeline.NullValue()
	}
	at := int32(0)
	for nested := true; nested; {
		var head string
		var ok bool
		head, path, nested = strings.Cut(path, ".")
		if at, ok = doc.Member(at, head); !ok {
			return pipeline.NullValue()
		}
	}
	return d.inferred(&doc, at)
}

// FromJSON fills the slots from an object. A member that is not there is NULL.
func (p *Plan) FromJSON(doc *jsontext.Doc, object int32, values []pipeline.Value) {
	p.setNull(values)
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Slot >= 0 {
			values[s.Slot] = pipeline.NullValue()
		}
	}
	for k := object + 1; k < doc.Nodes[object].Next; k = doc.Nodes[k+1].Next {
		if i, ok := p.Record.index[string(doc.Str(k))]; ok {
			p.Steps[i].fromJSON(p, doc, k+1, values)
		}
	}
	p.copy(values)
}

func (s *Step) fromJSON(p *Plan, doc *jsontext.Doc, i int32, values []pipeline.Value) {
	switch {
	case s.Slot >= 0:
		values[s.Slot] = p.dialect.jsonValue(doc, i, s.Type)
	case s.sub != nil && doc.Nodes[i].Kind == jsontext.Object:
		s.sub.FromJSON(doc, i, values)
	}
}
