package avro

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

const (
	MaxSchemaText  = 1 << 20 // bytes, of a schema and of each of its references
	MaxSchemaDepth = 64      // types within types
	MaxReferences  = 512
)

// The JSON of an Avro type nests about four levels for one level of types.
var SchemaJSON = jsontext.Limits{Depth: 6 * MaxSchemaDepth, Nodes: MaxSchemaText / 2}

var errSchemaDepth = fmt.Errorf("types are nested deeper than %d", MaxSchemaDepth)

// Parse reads a writer schema into types. It has one scope of names, for this schema and its references alone: another
// version of a schema may mean something else by the same names.
func Parse(src *Source) (*Type, error) {
	if len(src.References) > MaxReferences {
		return nil, fmt.Errorf("more than %d references", MaxReferences)
	}
	p := &parser{names: map[string]*Type{}, texts: map[string][]byte{}}
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
	measure(t, map[*Type]bool{})
	return t, nil
}

type parser struct {
	doc   jsontext.Doc
	names map[string]*Type  // by full name
	texts map[string][]byte // their definitions, to tell a repetition from a contradiction
}

func (p *parser) text(text string) (*Type, error) {
	if len(text) > MaxSchemaText {
		return nil, fmt.Errorf("the text is longer than %d bytes", MaxSchemaText)
	}
	if name := strings.TrimSpace(text); Primitives[name] != KindNull || name == "null" {
		return &Type{Kind: Primitives[name]}, nil // a bare word, as some registries store primitives
	}
	if err := p.doc.Parse([]byte(text), SchemaJSON); err != nil {
		return nil, err
	}
	return p.typ(0, "", 0)
}

// typ reads the type at node i, in a namespace.
func (p *parser) typ(i int32, namespace string, depth int) (*Type, error) {
	if depth > MaxSchemaDepth {
		return nil, errSchemaDepth
	}
	switch p.doc.Nodes[i].Kind {
	case jsontext.String:
		return p.named(string(p.doc.Str(i)), namespace)
	case jsontext.Array:
		return p.union(i, namespace, depth)
	case jsontext.Object:
		return p.object(i, namespace, depth)
	}
	return nil, errors.New("a type is neither a name, a list nor an object")
}

func (p *parser) named(name, namespace string) (*Type, error) {
	if k, ok := Primitives[name]; ok {
		return &Type{Kind: k}, nil
	}
	if namespace != "" && !strings.Contains(name, ".") {
		if t, ok := p.names[namespace+"."+name]; ok {
			return t, nil
		}
	}
	if t, ok := p.names[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("the type %s is not known", Short(name))
}

func (p *parser) union(i int32, namespace string, depth int) (*Type, error) {
	u := &Type{Kind: KindUnion}
	for c := i + 1; c < p.doc.Nodes[i].Next; c = p.doc.Nodes[c].Next {
		b, err := p.typ(c, namespace, depth+1)
		if err != nil {
			return nil, err
		}
		u.Branches = append(u.Branches, b)
	}
	if len(u.Branches) == 0 {
		return nil, errors.New("a union has no types")
	}
	return u, nil
}

func (p *parser) object(i int32, namespace string, depth int) (*Type, error) {
	of, ok := p.doc.Member(i, "type")
	if !ok {
		return nil, errors.New("an object has no type")
	}
	if p.doc.Nodes[of].Kind != jsontext.String {
		return p.typ(of, namespace, depth+1)
	}
	switch word := string(p.doc.Str(of)); word {
	case "record", "error", "enum", "fixed":
		return p.define(i, word, namespace, depth)
	case "array":
		return p.container(i, KindArray, "items", namespace, depth)
	case "map":
		return p.container(i, KindMap, "values", namespace, depth)
	default:
		t, err := p.named(word, namespace)
		if err == nil && t.Name == "" {
			p.annotate(i, t)
		}
		return t, err
	}
}

func (p *parser) container(i int32, k Kind, member, namespace string, depth int) (*Type, error) {
	of, ok := p.doc.Member(i, member)
	if !ok {
		return nil, fmt.Errorf("the %s has no %s", k, member)
	}
	items, err := p.typ(of, namespace, depth+1)
	if err != nil {
		return nil, err
	}
	return &Type{Kind: k, Items: items}, nil
}

// define reads a record, enum or fixed. The type is known by its name before its fields are read: it may hold itself.
func (p *parser) define(i int32, word, namespace string, depth int) (*Type, error) {
	name, space, err := p.fullName(i, namespace)
	if err != nil {
		return nil, err
	}
	text := p.doc.Raw(i)
	if known, ok := p.names[name]; ok {
		if !bytes.Equal(p.texts[name], text) {
			return nil, fmt.Errorf("the type %s is declared twice, differently", Short(name))
		}
		return known, nil
	}
	t := &Type{Name: name}
	p.names[name], p.texts[name] = t, bytes.Clone(text)
	switch word {
	case "enum":
		return t, p.enum(i, t)
	case "fixed":
		return t, p.fixed(i, t)
	}
	t.Kind = KindRecord
	p.annotate(i, t)
	return t, p.fields(i, t, space, depth)
}

func (p *parser) fullName(i int32, namespace string) (name, space string, err error) {
	name = p.doc.Text(i, "name")
	if name == "" {
		return "", "", errors.New("a named type has no name")
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name, name[:dot], nil
	}
	if n, ok := p.doc.Member(i, "namespace"); ok && p.doc.Nodes[n].Kind == jsontext.String {
		namespace = string(p.doc.Str(n))
	}
	if namespace == "" {
		return name, "", nil
	}
	return namespace + "." + name, namespace, nil
}

func (p *parser) fields(i int32, t *Type, namespace string, depth int) error {
	list, ok := p.doc.Member(i, "fields")
	if !ok || p.doc.Nodes[list].Kind != jsontext.Array {
		return fmt.Errorf("the record %s has no fields", Short(t.Name))
	}
	for f := list + 1; f < p.doc.Nodes[list].Next; f = p.doc.Nodes[f].Next {
		name := p.doc.Text(f, "name")
		of, ok := p.doc.Member(f, "type")
		if _, known := t.index[name]; name == "" || !ok || known {
			return fmt.Errorf("the record %s has a field without name or type, or one declared twice", Short(t.Name))
		}
		ft, err := p.typ(of, namespace, depth+1)
		if err != nil {
			return fmt.Errorf("field %s: %w", Short(name), err)
		}
		t.AddField(name, ft)
	}
	return nil
}

func (p *parser) enum(i int32, t *Type) error {
	t.Kind = KindEnum
	list, ok := p.doc.Member(i, "symbols")
	if !ok || p.doc.Nodes[list].Kind != jsontext.Array || p.doc.Nodes[list].Next == list+1 {
		return fmt.Errorf("the enum %s has no symbols", Short(t.Name))
	}
	for s := list + 1; s < p.doc.Nodes[list].Next; s = p.doc.Nodes[s].Next {
		if p.doc.Nodes[s].Kind != jsontext.String {
			return fmt.Errorf("the enum %s has a symbol that is not a string", Short(t.Name))
		}
		t.Symbols = append(t.Symbols, bytes.Clone(p.doc.Str(s)))
	}
	return nil
}

func (p *parser) fixed(i int32, t *Type) error {
	t.Kind = KindFixed
	size, ok := p.integer(i, "size")
	if !ok || size <= 0 || size > math.MaxInt32 {
		return fmt.Errorf("the fixed %s has no size", Short(t.Name))
	}
	t.Size = int(size)
	p.annotate(i, t)
	return nil
}

// Short cuts a name of a schema for a message.
func Short(name string) string {
	if len(name) > 100 {
		return strconv.QuoteToASCII(name[:100]) + "…"
	}
	return strconv.QuoteToASCII(name)
}
