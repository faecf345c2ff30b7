package events

import (
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// CheckTypes reports mapped columns that a schema does not have, and expressions that do not fit its columns.
func (c *Config) CheckTypes(k mapping.Kinds, at settings.Place) {
	for name, field := range map[string]*mapping.Field{"event": c.Event.Field, "event_id": c.EventID.Field, "event_source": c.EventSource.Field,
		"pixel_code": c.PixelCode.Field, "event_source_id": c.EventSourceID.Field, "test_event_code": c.TestEventCode.Field} {
		if field != nil {
			field.CheckTypes(k, at.Key(name))
		}
	}
	for _, name := range c.Fields.names() {
		f, place := c.Fields[name], at.Key("fields").Key(name)
		f.Field.CheckTypes(k, place)
		for member, field := range f.Product {
			field.CheckTypes(k, place.Key(member))
		}
	}
}
