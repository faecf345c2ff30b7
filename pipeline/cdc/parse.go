package cdc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxSchemaText  = 1 << 20 // bytes, of a schema and of each of its references
	maxSchemaDepth = 64      // types within types
	maxReferences  = 512
)

// The JSON of an Avro type nests about four levels for one level of types.
var schemaJSON = jsonLimits{depth: 6 * maxSchemaDepth, nodes: maxSchemaText / 2}

var errSchemaDepth = fmt.Errorf("types are nested deeper than %d", maxSchemaDepth)

// parse reads a writer schema into types. It has one scope of names, for this schema and its references alone: another
// version of a schema may mean something else by the same names.
func parse(src *Source) (*typ, error) {
	if len(src.References) > maxReferences {
		return nil, fmt.Errorf("more than %d references", maxReferences)
	}
	p := &parser{names: map[string]*typ{}, texts: map[string][]byte{}}
	for _, r := range src.References {
		t, err := p.text(r.Text)
		if err != nil {
			return nil, fmt.Errorf("reference %s: %w", r.Name, err)
		}
		if _, known := p.names[r.Name]; !known {
			p.names[r.Name] = t
		}
	}
	t, err := p.text(src.Text)
	if err != nil {
		return nil, err
	}
	measure(t, map[*typ]bool{})
	return t, nil
}

type parser struct {
	doc   jsonDoc
	names map[string]*typ   // by full name
	texts map[string][]byte // their definitions, to tell a repetition from a contradiction
}

func (p *parser) text(text string) (*typ, error) {
	if len(text) > maxSchemaText {
		return nil, fmt.Errorf("the text is longer than %d bytes", maxSchemaText)
	}
	if name := strings.TrimSpace(text); primitives[name] != kindNull || name == "null" {
		return &typ{kind: primitives[name]}, nil // a bare word, as some registries store primitives
	}
	if err := p.doc.parse([]byte(text), schemaJSON); err != nil {
		return nil, err
	}
	return p.typ(0, "", 0)
}

// typ reads the type at node i, in a namespace.
func (p *parser) typ(i int32, namespace string, depth int) (*typ, error) {
	if depth > maxSchemaDepth {
		return nil, errSchemaDepth
	}
	switch p.doc.nodes[i].kind {
	case jsonString:
		return p.named(string(p.doc.str(i)), namespace)
	case jsonArray:
		return p.union(i, namespace, depth)
	case jsonObject:
		return p.object(i, namespace, depth)
	}
	return nil, errors.New("a type is neither a name, a list nor an object")
}

func (p *parser) named(name, namespace string) (*typ, error) {
	if k, ok := primitives[name]; ok {
		return &typ{kind: k}, nil
	}
	if namespace != "" && !strings.Contains(name, ".") {
		if t, ok := p.names[namespace+"."+name]; ok {
			return t, nil
		}
	}
	if t, ok := p.names[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("the type %s is not known", short(name))
}

func (p *parser) union(i int32, namespace string, depth int) (*typ, error) {
	u := &typ{kind: kindUnion}
	for c := i + 1; c < p.doc.nodes[i].next; c = p.doc.nodes[c].next {
		b, err := p.typ(c, namespace, depth+1)
		if err != nil {
			return nil, err
		}
		u.branches = append(u.branches, b)
	}
	if len(u.branches) == 0 {
		return nil, errors.New("a union has no types")
	}
	return u, nil
}

func (p *parser) object(i int32, namespace string, depth int) (*typ, error) {
	of, ok := p.doc.member(i, "type")
	if !ok {
		return nil, errors.New("an object has no type")
	}
	if p.doc.nodes[of].kind != jsonString {
		return p.typ(of, namespace, depth+1)
	}
	switch word := string(p.doc.str(of)); word {
	case "record", "error", "enum", "fixed":
		return p.define(i, word, namespace, depth)
	case "array":
		return p.container(i, kindArray, "items", namespace, depth)
	case "map":
		return p.container(i, kindMap, "values", namespace, depth)
	default:
		t, err := p.named(word, namespace)
		if err == nil && t.name == "" {
			p.annotate(i, t)
		}
		return t, err
	}
}

func (p *parser) container(i int32, k kind, member, namespace string, depth int) (*typ, error) {
	of, ok := p.doc.member(i, member)
	if !ok {
		return nil, fmt.Errorf("the %s has no %s", k, member)
	}
	items, err := p.typ(of, namespace, depth+1)
	if err != nil {
		return nil, err
	}
	return &typ{kind: k, items: items}, nil
}

// define reads a record, enum or fixed. The type is known by its name before its fields are read: it may hold itself.
func (p *parser) define(i int32, word, namespace string, depth int) (*typ, error) {
	name, space, err := p.fullName(i, namespace)
	if err != nil {
		return nil, err
	}
	text := p.doc.raw(i)
	if known, ok := p.names[name]; ok {
		if !bytes.Equal(p.texts[name], text) {
			return nil, fmt.Errorf("the type %s is declared twice, differently", short(name))
		}
		return known, nil
	}
	t := &typ{name: name}
	p.names[name], p.texts[name] = t, bytes.Clone(text)
	switch word {
	case "enum":
		return t, p.enum(i, t)
	case "fixed":
		return t, p.fixed(i, t)
	}
	t.kind = kindRecord
	p.annotate(i, t)
	return t, p.fields(i, t, space, depth)
}

func (p *parser) fullName(i int32, namespace string) (name, space string, err error) {
	name = p.doc.textOf(i, "name")
	if name == "" {
		return "", "", errors.New("a named type has no name")
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name, name[:dot], nil
	}
	if n, ok := p.doc.member(i, "namespace"); ok && p.doc.nodes[n].kind == jsonString {
		namespace = string(p.doc.str(n))
	}
	if namespace == "" {
		return name, "", nil
	}
	return namespace + "." + name, namespace, nil
}

func (p *parser) fields(i int32, t *typ, namespace string, depth int) error {
	list, ok := p.doc.member(i, "fields")
	if !ok || p.doc.nodes[list].kind != jsonArray {
		return fmt.Errorf("the record %s has no fields", short(t.name))
	}
	for f := list + 1; f < p.doc.nodes[list].next; f = p.doc.nodes[f].next {
		name := p.doc.textOf(f, "name")
		of, ok := p.doc.member(f, "type")
		if _, known := t.index[name]; name == "" || !ok || known {
			return fmt.Errorf("the record %s has a field without name or type, or one declared twice", short(t.name))
		}
		ft, err := p.typ(of, namespace, depth+1)
		if err != nil {
			return fmt.Errorf("field %s: %w", short(name), err)
		}
		t.addField(name, ft)
	}
	return nil
}

func (p *parser) enum(i int32, t *typ) error {
	t.kind = kindEnum
	list, ok := p.doc.member(i, "symbols")
	if !ok || p.doc.nodes[list].kind != jsonArray || p.doc.nodes[list].next == list+1 {
		return fmt.Errorf("the enum %s has no symbols", short(t.name))
	}
	for s := list + 1; s < p.doc.nodes[list].next; s = p.doc.nodes[s].next {
		if p.doc.nodes[s].kind != jsonString {
			return fmt.Errorf("the enum %s has a symbol that is no string", short(t.name))
		}
		t.symbols = append(t.symbols, bytes.Clone(p.doc.str(s)))
	}
	return nil
}

func (p *parser) fixed(i int32, t *typ) error {
	t.kind = kindFixed
	size, ok := p.integer(i, "size")
	if !ok || size <= 0 || size > math.MaxInt32 {
		return fmt.Errorf("the fixed %s has no size", short(t.name))
	}
	t.size = int(size)
	p.annotate(i, t)
	return nil
}

// short cuts a name of a schema for a message.
func short(name string) string {
	if len(name) > 100 {
		return strconv.QuoteToASCII(name[:100]) + "…"
	}
	return strconv.QuoteToASCII(name)
}
