package cdc

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// jsonValue gives node i of a document its value, by its type. JSON that does not fit the type is read for what it is.
func (d *dialect) jsonValue(doc *jsonDoc, i int32, t *typ) pipeline.Value {
	n := doc.nodes[i]
	of, _, _ := t.nullable()
	switch {
	case n.kind == jsonNull:
		return pipeline.NullValue()
	case of.kind == kindAny:
		return d.inferred(doc, i)
	case n.kind == jsonTrue, n.kind == jsonFalse:
		return pipeline.BoolValue(n.kind == jsonTrue)
	case n.kind == jsonNumber:
		return jsonNumberValue(doc.raw(i), of)
	case n.kind == jsonString:
		return d.jsonText(doc.str(i), of)
	case n.kind == jsonArray && of.kind == kindArray:
		return d.jsonList(doc, i, of)
	case n.kind == jsonObject && of.kind == kindMap:
		return d.jsonMap(doc, i, of)
	case n.kind == jsonObject && of.kind == kindRecord:
		return d.jsonRecord(doc, i, of)
	}
	return d.inferred(doc, i)
}

// inferred reads a value nobody described: numbers exactly, nested values as JSON.
func (d *dialect) inferred(doc *jsonDoc, i int32) pipeline.Value {
	switch doc.nodes[i].kind {
	case jsonNull:
		return pipeline.NullValue()
	case jsonTrue, jsonFalse:
		return pipeline.BoolValue(doc.nodes[i].kind == jsonTrue)
	case jsonNumber:
		return numberValue(doc.raw(i))
	case jsonString:
		return d.stringValue(plain, doc.str(i))
	}
	if d.isPlaceholderJSON(doc, i) {
		return pipeline.UnavailableValue()
	}
	return pipeline.JSONValue(doc.raw(i))
}

// isPlaceholderJSON finds the placeholder as a list or map.
func (d *dialect) isPlaceholderJSON(doc *jsonDoc, i int32) bool {
	n, first := doc.nodes[i], i+1
	if n.next == first || doc.nodes[first].kind > jsonString {
		return false
	}
	if n.kind == jsonObject {
		return n.next == first+2 && d.isPlaceholder(doc.str(first)) && d.isPlaceholder(doc.str(first+1))
	}
	if doc.nodes[first].kind == jsonString {
		s := doc.str(first)
		return n.next == first+1 && (d.isPlaceholder(s) || bytes.Equal(s, d.uuid))
	}
	for k, c := range d.placeholder {
		at := first + int32(k)
		if at >= n.next || doc.nodes[at].kind != jsonNumber || string(doc.raw(at)) != strconv.Itoa(int(int8(c))) {
			return false
		}
	}
	return len(d.placeholder) > 0 && n.next == first+int32(len(d.placeholder))
}

func jsonNumberValue(text []byte, t *typ) pipeline.Value {
	switch t.kind {
	case kindInt, kindLong:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return intValue(t.meaning, n)
		}
	case kindFloat:
		if f, err := strconv.ParseFloat(string(text), 32); err == nil {
			return pipeline.Float32Value(float32(f))
		}
	case kindDouble:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil {
			return pipeline.FloatValue(f)
		}
	}
	return numberValue(text)
}

// jsonText reads a string. Connect writes binary, and decimals among it, as base64.
func (d *dialect) jsonText(s []byte, t *typ) pipeline.Value {
	switch t.kind {
	case kindBytes, kindFixed:
		b, err := base64.StdEncoding.AppendDecode(nil, s)
		if err != nil {
			return d.stringValue(plain, s)
		}
		return d.bytesValue(t, b)
	case kindFloat, kindDouble:
		if f, err := strconv.ParseFloat(string(s), 64); err == nil { // NaN and Infinity are quoted
			return pipeline.FloatValue(f)
		}
	}
	return d.stringValue(t.meaning, s)
}

func (d *dialect) jsonList(doc *jsonDoc, i int32, t *typ) pipeline.Value {
	var elems []pipeline.Value
	for c := i + 1; c < doc.nodes[i].next; c = doc.nodes[c].next {
		elems = append(elems, d.jsonValue(doc, c, t.items))
	}
	return d.listValue(elems)
}

func (d *dialect) jsonMap(doc *jsonDoc, i int32, t *typ) pipeline.Value {
	type entry struct {
		name  string
		value pipeline.Value
	}
	var entries []entry
	for k := i + 1; k < doc.nodes[i].next; k = doc.nodes[k+1].next {
		entries = append(entries, entry{string(doc.str(k)), d.jsonValue(doc, k+1, t.items)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	names, values := make([]string, len(entries)), make([]pipeline.Value, len(entries))
	for n, e := range entries {
		names[n], values[n] = e.name, e.value
	}
	return d.mapValue(names, values)
}

func (d *dialect) jsonRecord(doc *jsonDoc, i int32, t *typ) pipeline.Value {
	names, values := make([]string, len(t.fields)), make([]pipeline.Value, len(t.fields))
	for n, f := range t.fields {
		names[n], values[n] = f.name, pipeline.NullValue()
	}
	for k := i + 1; k < doc.nodes[i].next; k = doc.nodes[k+1].next {
		if n, ok := t.index[string(doc.str(k))]; ok {
			values[n] = d.jsonValue(doc, k+1, t.fields[n].typ)
		}
	}
	return recordValue(t.meaning, pipeline.StructValue(names, values))
}

// jsonMember follows a path into a JSON text. What is not there is NULL.
func (d *dialect) jsonMember(text []byte, path string) pipeline.Value {
	var doc jsonDoc
	if doc.parse(text, jsonLimits{depth: 64, nodes: 1 << 18}) != nil {
		return pipeline.NullValue()
	}
	at := int32(0)
	for nested := true; nested; {
		var head string
		var ok bool
		head, path, nested = strings.Cut(path, ".")
		if at, ok = doc.member(at, head); !ok {
			return pipeline.NullValue()
		}
	}
	return d.inferred(&doc, at)
}

// fromJSON fills the slots from an object. A member that is not there is NULL.
func (p *rowPlan) fromJSON(doc *jsonDoc, object int32, values []pipeline.Value) {
	p.setNull(values)
	for i := range p.steps {
		if s := &p.steps[i]; s.slot >= 0 {
			values[s.slot] = pipeline.NullValue()
		}
	}
	for k := object + 1; k < doc.nodes[object].next; k = doc.nodes[k+1].next {
		if i, ok := p.record.index[string(doc.str(k))]; ok {
			p.steps[i].fromJSON(p, doc, k+1, values)
		}
	}
	p.copy(values)
}

func (s *step) fromJSON(p *rowPlan, doc *jsonDoc, i int32, values []pipeline.Value) {
	switch {
	case s.slot >= 0:
		values[s.slot] = p.dialect.jsonValue(doc, i, s.typ)
	case s.sub != nil && doc.nodes[i].kind == jsonObject:
		s.sub.fromJSON(doc, i, values)
	}
}
