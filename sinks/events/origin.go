package events

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// Mapped is a field of the configuration, and where its value comes from.
type Mapped struct {
	Field  string
	Origin mapping.Origin
}

// Origins are the fields that are mapped, in the order of the event.
func (c *Config) Origins() []Mapped {
	var list []Mapped
	add := func(field string, o mapping.Origin) { list = append(list, Mapped{field, o}) }
	if f := c.Event.Field; f != nil {
		add("event", f.Origin())
	}
	for _, name := range c.Fields.names() {
		add(name, c.Fields[name].origin())
	}
	add("event_id", c.EventID.origin())
	for _, s := range []struct {
		name string
		*mapping.Field
	}{{"event_source", c.EventSource.Field}, {"pixel_code", c.PixelCode.Field}, {"event_source_id", c.EventSourceID.Field},
		{"test_event_code", c.TestEventCode.Field}, {"cookies", c.Cookies}} {
		if s.Field != nil {
			add(s.name, s.Field.Origin())
		}
	}
	return list
}

func (id *EventID) origin() mapping.Origin {
	switch {
	case id.Field != nil:
		return id.Field.Origin()
	case len(id.Columns) > 0:
		return mapping.OfColumns(id.Columns)
	}
	return mapping.Origin{Words: "all columns"}
}

func (c FieldConfig) origin() mapping.Origin {
	switch {
	case c.Now:
		return mapping.Origin{Words: "the time of sending"}
	case c.From != "":
		return mapping.Origin{Words: "made of `properties.contents`"}
	case c.Product != nil:
		var columns []string
		for _, member := range productMembers {
			if f, ok := c.Product[member.name]; ok {
				columns = append(columns, f.Origin().Columns...)
			}
		}
		return mapping.OfColumns(columns)
	}
	return c.Field.Origin()
}

// inProduct is a member of a product in a field's name, as rejections write it: properties.contents[2].price.
var inProduct = regexp.MustCompile(`^properties\.contents(?:\[\d+\])?(?:\.(\w+))?$`)

// OriginOf is where a field's value comes from, of a field as rejections name it; false for what is not mapped.
func (c *Config) OriginOf(field string) (o mapping.Origin, ok bool) {
	name, member := field, ""
	if m := inProduct.FindStringSubmatch(field); m != nil {
		name, member = "properties.contents", m[1]
	}
	for _, mapped := range c.Origins() {
		if o = mapped.Origin; mapped.Field != name {
			continue
		}
		contents := c.Fields[name]
		if f, single := contents.Product[member]; single {
			o = f.Origin()
		} else if inEach := contents.Members[member]; inEach != "" {
			o.Words += ", member `" + inEach + "` of its elements"
		}
		return o, true
	}
	return mapping.Origin{}, false
}

// Plain is what a field's value looks like where it says nothing of a person.
type Plain uint8

// The kinds of such values. Personal is that of all other fields.
const (
	Personal Plain = iota
	Name           // of an event
	Moment
	Number
	Word // of a vocabulary: a currency
	Products
)

// PlainOf is what the value of a field looks like.
func PlainOf(field string) Plain {
	switch {
	case field == "event":
		return Name
	case field == timeField:
		return Moment
	case inProduct.MatchString(field):
		return Products
	case !strings.HasPrefix(field, "properties."):
		return Personal
	}
	for i := range specs {
		if specs[i].name != field {
			continue
		}
		switch specs[i].kind {
		case currency, choice:
			return Word
		case number, whole, share:
			return Number
		}
	}
	return Personal
}

// ProductMembers are what the members of products are called in rows; descriptions are left out, for people write them.
func (c *Config) ProductMembers() map[string]bool {
	names := map[string]bool{}
	mapped := c.Fields["properties.contents"].Members
	for _, m := range productMembers {
		if name := cmp.Or(mapped[m.name], m.name); m.name != "description" {
			names[name] = true
		}
	}
	return names
}
