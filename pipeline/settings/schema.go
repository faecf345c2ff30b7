package settings

import (
	"reflect"
	"slices"
	"strings"
)

// Schemer is implemented by values that Schema cannot see through: those that are Decoders.
type Schemer interface {
	JSONSchema() map[string]any
}

// reference is what a number or bool may be written as instead.
const reference = `\$\{`

// Schema describes the configuration of a struct as JSON Schema, for editors and `config schema`. Field docs come from
// `doc:"…"` tags, allowed values from `enum:"a,b"`, defaults from `default:"…"`.
func Schema(v any) map[string]any {
	schema := SchemaOf(v)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	return schema
}

// SchemaOf describes a part of a configuration: for Schemers whose forms are structs and scalars themselves.
func SchemaOf(v any) map[string]any { return schemaOf(reflect.TypeOf(v), nil) }

// schemaOf describes one type; inside holds the structs around it, so that a type within itself ends.
func schemaOf(t reflect.Type, inside []reflect.Type) map[string]any {
	if s, ok := reflect.New(t).Interface().(Schemer); ok && t.Kind() != reflect.Pointer {
		return s.JSONSchema()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), inside)
	case reflect.Struct:
		return structSchema(t, inside)
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), inside)}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), inside)}
	case reflect.Interface:
		return map[string]any{}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return orReference("boolean")
	case reflect.Float32, reflect.Float64:
		return orReference("number")
	}
	return orReference("integer")
}

func orReference(kind string) map[string]any {
	return map[string]any{"type": []string{kind, "string"}, "pattern": reference}
}

func structSchema(t reflect.Type, inside []reflect.Type) map[string]any {
	if slices.Contains(inside, t) {
		return map[string]any{"type": "object"}
	}
	properties := map[string]any{}
	fs := fieldsOf(t)
	for _, name := range fs.names {
		properties[name] = fieldSchema(fs.byName[name], append(inside[:len(inside):len(inside)], t))
	}
	return map[string]any{"type": "object", "properties": properties,
		"patternProperties": map[string]any{"^x-": map[string]any{}}, "additionalProperties": false}
}

func fieldSchema(f reflect.StructField, inside []reflect.Type) map[string]any {
	schema := schemaOf(f.Type, inside)
	if doc := f.Tag.Get("doc"); doc != "" {
		schema["description"] = doc
	}
	if enum := f.Tag.Get("enum"); enum != "" {
		schema["enum"] = strings.Split(enum, ",")
	}
	if value, ok := f.Tag.Lookup("default"); ok {
		schema["default"] = defaultFor(f.Type, value)
	}
	return schema
}

// defaultFor reads the tag as the configuration would, so that a number is a number in the schema.
func defaultFor(t reflect.Type, text string) any {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64, reflect.Bool, reflect.Uint, reflect.Uint32, reflect.Uint64:
		if _, isDecoder := reflect.New(t).Interface().(Decoder); !isDecoder {
			return scalarNode(text).plain()
		}
	}
	return text
}

func scalarNode(text string) *Node {
	switch {
	case text == "true" || text == "false":
		return &Node{kind: Bool, text: text}
	case exactInt(text):
		return &Node{kind: Int, text: text}
	case exactFloat(text):
		return &Node{kind: Float, text: text}
	}
	return &Node{kind: String, text: text}
}

func (Secret) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "description": "secret: ${VAR} or ${file:PATH}"}
}

func (Duration) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|` + reference}
}

func (Size) JSONSchema() map[string]any {
	return map[string]any{"type": []string{"integer", "string"}, "pattern": `^[0-9.]+ ?([KMGT]iB|[kKMGT]?B)?$|` + reference}
}

func (Percent) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9.]+ ?%$|` + reference}
}
