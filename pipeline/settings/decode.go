package settings

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Decoder is implemented, on the pointer, by values that have more than one form: text or map, say. DecodeNode looks at
// n.Kind(), uses n.Decode for its parts, and reports at the Place. It sees null too.
type Decoder interface {
	DecodeNode(n *Node, at Place)
}

// Decode writes the value into what the pointer points to: structs with `yaml:"name"` tags (fields without one are no
// settings; embedded structs are laid flat), maps with text keys, slices, scalars, pointers and any. Null leaves the
// value as it was. What it makes itself, elements and what pointers point to, begins with the defaults of its tags. Keys
// that the struct does not know are problems. A field tagged `enum:"a,b"` takes only these; `hint:"…"` says how a value is
// written that has the wrong type, and `also:"a,b"` what others call the key.
func (n *Node) Decode(into any, at Place) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("settings: Decode into %T, which is not a pointer", into))
	}
	n.decode(v.Elem(), at)
}

func (n *Node) decode(v reflect.Value, at Place) {
	if n.broken || n.absent && v.Kind() >= reflect.Bool && v.Kind() <= reflect.Float64 {
		return
	}
	if v.Kind() == reflect.Pointer {
		n.decodePointer(v, at)
		return
	}
	if d, ok := v.Addr().Interface().(Decoder); ok {
		d.DecodeNode(n, at)
		return
	}
	if n.kind == Null {
		return
	}
	n.decodeKind(v, at)
}

func (n *Node) decodePointer(v reflect.Value, at Place) {
	if n.kind == Null {
		v.SetZero()
		return
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	}
	n.decode(v.Elem(), at)
}

func (n *Node) decodeKind(v reflect.Value, at Place) {
	switch v.Kind() {
	case reflect.Struct:
		n.decodeStruct(v, at)
	case reflect.Map:
		n.decodeMap(v, at)
	case reflect.Slice:
		n.decodeSlice(v, at)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.plain()))
	default:
		n.decodeScalar(v, at)
	}
}

const mapHint = "write its keys below it, indented, or {key: value}"

func (n *Node) decodeStruct(v reflect.Value, at Place) {
	if n.kind != Map {
		at.Problem("must be a map of settings", mapHint)
		return
	}
	fields := fieldsOf(v.Type())
	for _, pair := range n.pairs {
		if strings.HasPrefix(pair.Key, "x-") {
			continue // a place for anchors, as in Compose files
		}
		f, ok := fields.byName[pair.Key]
		if !ok {
			at.under(pair).Problem("unknown key", at.meant(pair.Key, fields))
			continue
		}
		to := at.under(pair)
		to.hint = f.Tag.Get("hint")
		if list, ok := f.Tag.Lookup("enum"); ok && f.Type.Kind() == reflect.String {
			pair.Value.decodeEnum(v.FieldByIndex(f.Index), strings.Split(list, ","), to)
			continue
		}
		pair.Value.decode(v.FieldByIndex(f.Index), to)
	}
}

// meant helps with a key that the struct here does not know.
func (p Place) meant(key string, known fields) string {
	if name, ok := known.others[key]; ok {
		return "write " + name
	}
	near := Nearest(key, known.names)
	if near != "" && EditDistance(key, near, 2) < 2 {
		return DidYouMean(key, known.names)
	}
	list := "known keys: " + strings.Join(slices.Sorted(slices.Values(known.names)), ", ")
	if len(known.names) > 16 {
		list = "docs/configuration-reference lists the keys, tokrelay config example shows them"
	}
	return cmp.Or(p.report.place(key, p.path), DidYouMean(key, known.names), list)
}

// decodeEnum holds a text field to the values its tag lists.
func (n *Node) decodeEnum(v reflect.Value, allowed []string, at Place) {
	switch {
	case n.kind == Null || n.broken:
	case n.kind != String || !slices.Contains(allowed, n.text):
		at.Problem("must be one of "+strings.Join(allowed, ", "), DidYouMean(n.text, allowed))
	default:
		v.SetString(n.text)
	}
}

func (n *Node) decodeMap(v reflect.Value, at Place) {
	if n.kind != Map {
		at.Problem("must be a map", mapHint)
		return
	}
	if key := n.flat(v.Type().Elem()); key != "" {
		at.Problem("must be a map of names, each with its settings", "put a name of your choice above "+key+", and indent it below that")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.pairs)))
	}
	for _, pair := range n.pairs {
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		pair.Value.decode(value, at.under(pair))
		v.SetMapIndex(reflect.ValueOf(pair.Key).Convert(v.Type().Key()), value)
	}
}

// flat is a key whose value belongs to an element of the map: the name above it was left out.
func (n *Node) flat(element reflect.Type) string {
	if _, ok := reflect.New(element).Interface().(Decoder); ok || element.Kind() != reflect.Struct {
		return ""
	}
	known := fieldsOf(element).byName
	for _, pair := range n.pairs {
		if _, ok := known[pair.Key]; ok && pair.Value.kind != Map {
			return pair.Key
		}
	}
	return ""
}

func (n *Node) decodeSlice(v reflect.Value, at Place) {
	if n.kind != List {
		at.Problem("must be a list", "write [one, two], or one element a line after a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		fill(v.Index(i))
		item.decode(v.Index(i), at.Index(i))
	}
}
