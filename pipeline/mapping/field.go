package mapping

import (
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Field says where the value of a field comes from. In YAML it is a column's name, a list of columns (the first that
// has a value; all of them where a field takes several), or a map with `column`, `columns`, `value` or `expr` and what
// to make of it. The zero Field is not a field.
type Field struct {
	Column    string            `yaml:"column" doc:"the column the value comes from"`
	Columns   []string          `yaml:"columns" doc:"several columns: the first that has a value; all of them where the field takes several"`
	Value     *Constant         `yaml:"value" doc:"the same value for every row"`
	Expr      string            `yaml:"expr" doc:"an expression over the row: amount * 100, after.status, before.email"`
	Path      string            `yaml:"path" doc:"a member inside a JSON or record column: user.email, items.0.sku"`
	Default   *Constant         `yaml:"default" doc:"the value where the row has none"`
	OnInvalid string            `yaml:"on_invalid" enum:"reject,omit,default" doc:"of an optional field of web events: what becomes of a value that cannot be sent; reject if not set"`
	Redact    string            `yaml:"redact" enum:"mask,reject,keep" doc:"of a text or URL that web events send in clear: what becomes of e-mail addresses and phone numbers in it; mask if not set"`
	Type      string            `yaml:"type" enum:"seconds,millis,micros,nanos,days,time,date,number,string,bool,json,hex" doc:"how to read a column whose own type says too little"`
	Format    string            `yaml:"format" doc:"how a time is written: %d.%m.%Y %H:%M or dd.MM.yyyy HH:mm"`
	Timezone  string            `yaml:"timezone" doc:"the zone of times without one: Europe/Berlin; UTC if not set"`
	Separator string            `yaml:"separator" doc:"splits a text into several values"`
	Parameter string            `yaml:"parameter" doc:"takes this query parameter out of a URL"`
	Map       map[string]string `yaml:"map" doc:"replaces values: {is_new: new}; what is not listed stays as it is"`
	Country   *Country          `yaml:"default_country" doc:"the country of phone numbers in national form: US, or {column: country}"`
}

// fieldMap is Field without its own decoding.
type fieldMap Field

// Constant is a scalar, or a list of them, written in the configuration.
type Constant struct {
	Texts []string
	List  bool
	kinds []settings.Kind
}

// Country is where national phone numbers belong: by value, or by a column that may have a default.
type Country struct {
	Code    string
	Column  string
	Default string
}

// DecodeNode reads any form of a field.
func (f *Field) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.Null:
	case settings.String:
		f.Column = n.Text()
		if f.Column == "" {
			at.Problem("must name a column", "")
		}
	case settings.List:
		n.Decode(&f.Columns, at)
	case settings.Map:
		n.Decode((*fieldMap)(f), at)
	default:
		at.Problem("must be a column's name or a map", "write {value: …} for the same value in every row")
	}
}

// DecodeNode reads a scalar or a list of scalars.
func (c *Constant) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.Null, settings.Map:
		at.Problem("must be a text, number or bool, or a list of them", "")
	case settings.List:
		c.List = true
		for i, item := range n.Items() {
			c.add(item, at.Index(i))
		}
	default:
		c.add(n, at)
	}
}

func (c *Constant) add(n *settings.Node, at settings.Place) {
	if k := n.Kind(); k == settings.Null || k == settings.List || k == settings.Map {
		at.Problem("must be a text, number or bool", "")
		return
	}
	c.Texts = append(c.Texts, n.Text())
	c.kinds = append(c.kinds, n.Kind())
}

// EncodeYAML prints the constant as it was written.
func (c *Constant) EncodeYAML() any {
	if c.List {
		return c.Texts
	}
	return strings.Join(c.Texts, "")
}

// DecodeNode reads a code, or a map with the column that holds it.
func (c *Country) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.String:
		c.Code = n.Text()
	case settings.Map:
		parts := countryMap{}
		n.Decode(&parts, at)
		c.Column, c.Default = parts.Column, parts.Default
	case settings.Bool:
		at.Problem("must be a country code of two letters", "put it in quotes: YAML reads NO as false")
	default:
		at.Problem("must be a country code of two letters, or {column: …}", "")
	}
}

type countryMap struct {
	Column  string `yaml:"column"`
	Default string `yaml:"default"`
}

// EncodeYAML prints the country as it was written.
func (c *Country) EncodeYAML() any {
	if c.Column != "" {
		return countryMap{c.Column, c.Default}
	}
	return c.Code
}

// IsZero says that nothing was configured.
func (f *Field) IsZero() bool {
	return f.Column == "" && f.Columns == nil && f.Value == nil && f.Expr == "" && f.Default == nil
}

// Named is the field that reads one column.
func Named(column string) Field { return Field{Column: column} }

// Validate reports everything that is wrong with the field by itself.
func (f *Field) Validate(at settings.Place) {
	f.validateSource(at)
	f.validateConversion(at)
	if f.OnInvalid != "" {
		at.Key("on_invalid").Problem("is for optional fields of web events", "take it out")
	}
	if f.Redact != "" {
		at.Key("redact").Problem("is for texts and URLs of web events", "take it out")
	}
	if f.Separator != "" && f.Expr != "" {
		at.Key("separator").Problem("is for columns", "use split in the expression")
	}
	if f.Value != nil && len(f.Value.Texts) == 0 {
		at.Key("value").Problem("must not be empty", "leave the field out")
	}
}

func (f *Field) validateSource(at settings.Place) {
	given := 0
	for _, there := range []bool{f.Column != "", len(f.Columns) > 0, f.Value != nil, f.Expr != ""} {
		if there {
			given++
		}
	}
	switch {
	case given == 0:
		at.Problem("needs a column, columns, value or expr", "")
	case given > 1:
		at.Problem("takes one of column, columns, value and expr", "several columns go into columns; a fallback is default")
	}
	if slices.Contains(f.Columns, "") {
		at.Key("columns").Problem("must name columns", "")
	}
	if f.Expr != "" {
		checkExpr(f.Expr, at.Key("expr"))
	}
}

func (f *Field) validateConversion(at settings.Place) {
	if f.Format != "" {
		if _, err := layoutOf(f.Format); err != nil {
			at.Key("format").Problem(err.Error(), "write %d.%m.%Y %H:%M or dd.MM.yyyy HH:mm")
		}
		if !slices.Contains([]string{"", "time", "date", "string"}, f.Type) {
			at.Key("format").Problem("does not go with this type", "leave type out, or use time or date")
		}
	}
	if _, err := time.LoadLocation(f.Timezone); err != nil || f.Timezone == "Local" {
		at.Key("timezone").Problem("unknown time zone", "write it like Europe/Berlin")
	}
}

// JSONSchema describes the forms of a field.
func (*Field) JSONSchema() map[string]any {
	inner := settings.Schema(fieldMap{})
	delete(inner, "$schema")
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "string", "description": "a column's name"},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": "several columns"},
		inner,
	}}
}

// JSONSchema describes the forms of a constant.
func (*Constant) JSONSchema() map[string]any {
	scalar := map[string]any{"type": []string{"string", "number", "boolean"}}
	return map[string]any{"oneOf": []any{scalar, map[string]any{"type": "array", "items": scalar}}}
}

// JSONSchema describes the forms of a country.
func (*Country) JSONSchema() map[string]any {
	inner := settings.Schema(countryMap{})
	delete(inner, "$schema")
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, inner}}
}
