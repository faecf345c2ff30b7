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
	From    string                   // properties.value, num_items, content_ids: "contents", made of the products
	Members map[string]string        // properties.contents: what members are called in the list's elements; nil without `each`
	Product map[string]mapping.Field // properties.contents: one product, in single columns
	ids     bool                     // From is `each`
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
	case summable(name) && special == "sum":
		form := sumForm{}
		n.Decode(&form, at)
		c.From = form.Sum
	case name == "properties.content_ids" && special == "each":
		form := idsForm{}
		n.Decode(&form, at)
		c.From, c.ids = form.Each, true
	case name == "properties.contents" && special == "each":
		form := eachForm{}
		n.Decode(&form, at)
		c.Field, c.Members = form.Each, form.members()
	case name == "properties.contents" && isProductMember(special):
		form := productForm{}
		n.Decode(&form, at)
		c.Product = form.fields()
	default:
		n.Decode(&c.Field, at)
	}
}

func summable(name string) bool {
	return name == "properties.value" || name == "properties.num_items"
}

// specialKey is the key that makes a map one of the special forms, or "".
func specialKey(n *settings.Node) (key string) {
	for _, p := range n.Pairs() {
		if slices.Contains([]string{"now", "sum", "each"}, p.Key) || isProductMember(p.Key) && key == "" {
			key = p.Key
		}
	}
	return key
}

type nowForm struct {
	Now *bool `yaml:"now"`
}

type sumForm struct {
	Sum string `yaml:"sum" enum:"contents" doc:"contents: of the products, price times quantity for the value, quantities for the number of items"`
}

type idsForm struct {
	Each string `yaml:"each" enum:"contents" doc:"contents: the content_id of each product"`
}

// eachForm names the list of products, and what members are called in its elements.
type eachForm struct {
	Each            mapping.Field `yaml:"each" doc:"the column with the list of products"`
	ContentID       string        `yaml:"content_id"`
	ContentName     string        `yaml:"content_name"`
	ContentCategory string        `yaml:"content_category"`
	ContentType     string        `yaml:"content_type"`
	Brand           string        `yaml:"brand"`
	Price           string        `yaml:"price"`
	Quantity        string        `yaml:"quantity"`
	Description     string        `yaml:"description"`
	Status          string        `yaml:"status"`
}

func (f *eachForm) named() map[string]*string {
	return map[string]*string{"content_id": &f.ContentID, "content_name": &f.ContentName, "content_category": &f.ContentCategory,
		"content_type": &f.ContentType, "brand": &f.Brand, "price": &f.Price, "quantity": &f.Quantity, "description": &f.Description, "status": &f.Status}
}

func (f *eachForm) members() map[string]string {
	members := map[string]string{}
	for member, name := range f.named() {
		if *name != "" {
			members[member] = *name
		}
	}
	return members
}

// formOf is the form as it was written.
func formOf(c FieldConfig) eachForm {
	form := eachForm{Each: c.Field}
	for member, name := range form.named() {
		*name = c.Members[member]
	}
	return form
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
	case c.From != "" && c.ids:
		return idsForm{c.From}
	case c.From != "":
		return sumForm{c.From}
	case c.Product != nil:
		return c.Product
	case c.Members != nil:
		return formOf(c)
	}
	return c.Field
}

// JSONSchema lists every field with the forms it may have.
func (*Fields) JSONSchema() map[string]any {
	properties := map[string]any{timeField: described(oneOf((&mapping.Field{}).JSONSchema(), settings.Schema(nowForm{})), timeField)}
	for _, s := range specs {
		form := (&mapping.Field{}).JSONSchema()
		switch {
		case summable(s.name):
			form = oneOf(form, settings.Schema(sumForm{}))
		case s.name == "properties.content_ids":
			form = oneOf(form, settings.Schema(idsForm{}))
		case s.kind == contents:
			form = oneOf(form, settings.Schema(eachForm{}), settings.Schema(productForm{}))
		}
		properties[s.name] = described(form, s.name)
	}
	return map[string]any{"type": "object", "properties": properties,
		"patternProperties": map[string]any{`^properties\.`: (&mapping.Field{}).JSONSchema()}, "additionalProperties": false}
}

func described(form map[string]any, field string) map[string]any {
	form["description"] = meanings[field]
	return form
}

// names are the configured fields, sorted.
func (f Fields) names() []string { return slices.Sorted(maps.Keys(f)) }
