package settings

import (
	"encoding"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Encoder is implemented, on the value, by types with more than one form: EncodeYAML gives what to print in their place,
// made of structs with yaml tags, maps, slices and scalars. Without it a value is printed by its own fields.
type Encoder interface {
	EncodeYAML() any
}

// Effective prints a configuration as YAML: every value that is set or has a default, zeros of these included. Secrets are
// redacted. But for them, Load reads it back as it was.
func Effective(v any) []byte {
	var w yamlWriter
	tree := treeOf(reflect.ValueOf(v))
	if tree == nil {
		return []byte("{}\n")
	}
	w.block(tree, 0)
	return w.Bytes()
}

// entry and entries are a map in the order it is printed in.
type (
	entry struct {
		key   string
		value any
	}
	entries []entry
)

// treeOf reduces a value to entries, lists and scalar text; nil is something empty.
func treeOf(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	if e, ok := v.Interface().(Encoder); ok && !isNil(v) {
		return treeOf(reflect.ValueOf(e.EncodeYAML()))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return treeOf(v.Elem())
	case reflect.Struct:
		return structTree(v)
	case reflect.Map:
		return mapTree(v)
	case reflect.Slice:
		return sliceTree(v)
	}
	return scalarTree(v)
}

func isNil(v reflect.Value) bool { return v.Kind() == reflect.Pointer && v.IsNil() }

func structTree(v reflect.Value) any {
	var tree entries
	fs := fieldsOf(v.Type())
	for _, name := range fs.names {
		if value := fieldTree(v.FieldByIndex(fs.byName[name].Index), fs.byName[name]); value != nil {
			tree = append(tree, entry{name, value})
		}
	}
	if tree == nil {
		return nil
	}
	return tree
}

// fieldTree leaves out what is empty, unless it has a default: it would come back.
func fieldTree(v reflect.Value, f reflect.StructField) any {
	if _, ok := f.Tag.Lookup("default"); ok {
		return elementTree(v)
	}
	if v.Kind() == reflect.Struct || !v.IsZero() {
		return treeOf(v)
	}
	return nil
}

func mapTree(v reflect.Value) any {
	var tree entries
	for _, key := range v.MapKeys() {
		tree = append(tree, entry{key.String(), elementTree(v.MapIndex(key))})
	}
	if tree == nil {
		return nil
	}
	slices.SortFunc(tree, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return tree
}

func sliceTree(v reflect.Value) any {
	var list []any
	for i := range v.Len() {
		list = append(list, elementTree(v.Index(i)))
	}
	if list == nil {
		return nil
	}
	return list
}

// elementTree keeps empty elements: a list without them would be another one.
func elementTree(v reflect.Value) any {
	if tree := treeOf(v); tree != nil {
		return tree
	}
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return `""`
	case reflect.Slice:
		return "[]"
	case reflect.Map, reflect.Struct:
		return "{}"
	}
	return "null"
}

// scalarTree is the text of a scalar as it is in YAML, or nil for empty text.
func scalarTree(v reflect.Value) any {
	if v.Kind() == reflect.String && v.Len() == 0 {
		return nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, _ := m.MarshalText()
		return quoted(string(text))
	}
	if v.Kind() == reflect.String {
		return quoted(withoutPassword(v.String()))
	}
	if v.CanFloat() {
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	text, _ := json.Marshal(v.Interface())
	return string(text)
}

// withoutPassword redacts what is secret in a URL: its password, and parameters that are named like a secret.
func withoutPassword(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return s
	}
	if _, has := u.User.Password(); has {
		start := strings.Index(s, "://") + len("://")
		end := start + strings.IndexAny(s[start:]+"/", "/?#")
		s = s[:start] + redacted + s[start+strings.LastIndexByte(s[start:end], '@'):]
	}
	if before, query, ok := strings.Cut(s, "?"); ok {
		query, fragment, has := strings.Cut(query, "#")
		s = before + "?" + withoutSecrets(query)
		if has {
			s += "#" + fragment
		}
	}
	return s
}

// withoutSecrets redacts the values of parameters that are named like a secret.
func withoutSecrets(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, value, _ := strings.Cut(pair, "="); value != "" && secretName(name) {
			pairs[i] = name + "=" + redacted
		}
	}
	return strings.Join(pairs, "&")
}

func secretName(name string) bool {
	name = strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
	for _, part := range []string{"secret", "passw", "token", "credential", "signature", "apikey", "accesskey"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return slices.Contains([]string{"key", "sig", "auth", "pwd", "pass"}, name)
}
