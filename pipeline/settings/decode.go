package settings

import (
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
// that the struct does not know are problems. A field tagged `enum:"a,b"` takes only these.
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

func (n *Node) decodeStruct(v reflect.Value, at Place) {
	if n.kind != Map {
		at.Problem("must be a map of settings", "")
		return
	}
	fields := fieldsOf(v.Type())
	for _, pair := range n.pairs {
		if strings.HasPrefix(pair.Key, "x-") {
			continue // a place for anchors, as in Compose files
		}
		f, ok := fields.byName[pair.Key]
		if !ok {
			at.under(pair).Problem("unknown key", didYouMean(pair.Key, fields.names))
			continue
		}
		pair.Value.decode(v.FieldByIndex(f.Index), at.under(pair))
		pair.Value.checkEnum(f, at.under(pair))
	}
}

// checkEnum holds a text field to the values its tag lists.
func (n *Node) checkEnum(f reflect.StructField, at Place) {
	list, ok := f.Tag.Lookup("enum")
	if !ok || n.kind == Null || n.broken || f.Type.Kind() != reflect.String {
		return
	}
	allowed := strings.Split(list, ",")
	if slices.Contains(allowed, n.text) {
		return
	}
	at.Problem("must be one of "+strings.Join(allowed, ", "), nearest(n.text, allowed))
}

func (n *Node) decodeMap(v reflect.Value, at Place) {
	if n.kind != Map {
		at.Problem("must be a map", "")
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
