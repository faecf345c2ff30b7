package events

import (
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Fields are `fields`: TikTok's field and where its value comes from.
type Fields map[string]FieldConfig

// FieldConfig is a field's source: what every field may have, and the special forms of a few.
type FieldConfig struct {
	mapping.Field

	Now     bool                     // event_time: the time of sending, where rows have none
	From    string                   // properties.value, properties.num_items: "contents", computed from the products
	Members map[string]string        // properties.contents: what its members are called in the column
	Product map[string]mapping.Field // properties.contents: one product, in single columns
}

// DecodeNode reads the fields; the special forms depend on the field.
func (f *Fields) DecodeNode(n *settings.Node, at settings.Place) {
	if n.Kind() == settings.Null {
		return
	}
	if n.Kind() != settings.Map {
		at.Problem("must be a map of TikTok's fields and your columns", "event_time: occurred_at")
		return
	}
	*f = Fields{}
	for _, p := range n.Pairs() {
		config := FieldConfig{}
		config.decode(p.Key, p.Value, at.Key(p.Key))
		(*f)[p.Key] = config
	}
}

func (c *FieldConfig) decode(name string, n *settings.Node, at settings.Place) {
	switch special := specialKey(n); {
	case name == timeField && special == "now":
		n.Decode(&nowForm{&c.Now}, at)
	case computable(name) && special == "from":
		form := fromForm{}
		n.Decode(&form, at)
		c.From = form.From
	case name == "properties.contents" && special == "members":
		form := membersForm{}
		n.Decode(&form, at)
		c.Field, c.Members = form.field(), form.Members
	case name == "properties.contents" && isProductMember(special):
		form := productForm{}
		n.Decode(&form, at)
		c.Product = form.fields()
	default:
		n.Decode(&c.Field, at)
	}
}

func computable(name string) bool {
	return name == "properties.value" || name == "properties.num_items"
}

// specialKey is the key that makes a map one of the special forms, or "".
func specialKey(n *settings.Node) string {
	for _, p := range n.Pairs() {
		if slices.Contains([]string{"now", "from", "members"}, p.Key) || isProductMember(p.Key) {
			return p.Key
		}
	}
	return ""
}

type nowForm struct {
	Now *bool `yaml:"now"`
}

type fromForm struct {
	From string `yaml:"from" enum:"contents"`
}

type membersForm struct {
	Column  string            `yaml:"column" doc:"the column with the list of products"`
	Path    string            `yaml:"path" doc:"a member inside a JSON or record column"`
	Expr    string            `yaml:"expr" doc:"an expression that gives the list"`
	Type    string            `yaml:"type" enum:"json" doc:"json for a text column that holds JSON"`
	Members map[string]string `yaml:"members" doc:"what content_id, price and the others are called in the column"`
}

func (f *membersForm) field() mapping.Field {
	return mapping.Field{Column: f.Column, Path: f.Path, Expr: f.Expr, Type: f.Type}
}

type productForm struct {
	ContentID       *mapping.Field `yaml:"content_id"`
	ContentName     *mapping.Field `yaml:"content_name"`
	ContentCategory *mapping.Field `yaml:"content_category"`
	ContentType     *mapping.Field `yaml:"content_type"`
	Brand           *mapping.Field `yaml:"brand"`
	Price           *mapping.Field `yaml:"price"`
	Quantity        *mapping.Field `yaml:"quantity"`
	Description     *mapping.Field `yaml:"description"`
	Status          *mapping.Field `yaml:"status"`
}

func (f *productForm) fields() map[string]mapping.Field {
	all := map[string]*mapping.Field{"content_id": f.ContentID, "content_name": f.ContentName, "content_category": f.ContentCategory,
		"content_type": f.ContentType, "brand": f.Brand, "price": f.Price, "quantity": f.Quantity, "description": f.Description, "status": f.Status}
	product := map[string]mapping.Field{}
	for name, field := range all {
		if field != nil {
			product[name] = *field
		}
	}
	return product
}

// EncodeYAML prints the field as it was written.
func (c FieldConfig) EncodeYAML() any {
	switch {
	case c.Now:
		return map[string]bool{"now": true}
	case c.From != "":
		return fromForm{c.From}
	case c.Product != nil:
		return c.Product
	case c.Members != nil:
		return membersForm{c.Column, c.Path, c.Expr, c.Type, c.Members}
	}
	return c.Field
}

// JSONSchema lists every field with the forms it may have.
func (*Fields) JSONSchema() map[string]any {
	properties := map[string]any{timeField: oneOf((&mapping.Field{}).JSONSchema(), settings.Schema(nowForm{}))}
	for _, s := range specs {
		form := (&mapping.Field{}).JSONSchema()
		switch {
		case computable(s.name):
			form = oneOf(form, settings.Schema(fromForm{}))
		case s.kind == contents:
			form = oneOf(form, settings.Schema(membersForm{}), settings.Schema(productForm{}))
		}
		properties[s.name] = form
	}
	return map[string]any{"type": "object", "properties": properties,
		"patternProperties": map[string]any{`^properties\.`: (&mapping.Field{}).JSONSchema()}, "additionalProperties": false}
}

// names are the configured fields, sorted.
func (f Fields) names() []string { return slices.Sorted(maps.Keys(f)) }
