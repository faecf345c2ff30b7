package events

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Event is the event's name.
type Event struct {
	Static   string
	Field    *mapping.Field
	Map      map[string]Names
	Unmapped string
}

// Names are the events one of the company's names means: one, several, or none.
type Names []string

// DecodeNode reads a name, a list of them, or null for none.
func (s *Names) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.Null:
		*s = Names{}
	case settings.List:
		list := []string{}
		n.Decode(&list, at)
		*s = list
	default:
		name := ""
		n.Decode(&name, at)
		*s = Names{name}
	}
}

// JSONSchema describes the forms of names.
func (*Names) JSONSchema() map[string]any {
	name := map[string]any{"type": "string"}
	return oneOf(name, map[string]any{"type": "array", "items": name}, map[string]any{"type": "null"})
}

type eventMap struct {
	Column   string            `yaml:"column" doc:"the column that names the event"`
	Path     string            `yaml:"path" doc:"a member inside a JSON or record column"`
	Expr     string            `yaml:"expr" doc:"an expression that names the event"`
	Value    *mapping.Constant `yaml:"value" doc:"the same name for every row"`
	Default  *mapping.Constant `yaml:"default" doc:"the name where the row has none"`
	Map      map[string]Names  `yaml:"map" doc:"your names and TikTok's: {order_paid: Purchase}; a list sends several events, null none"`
	Unmapped string            `yaml:"unmapped" enum:"reject,skip" doc:"what becomes of names that are neither in map nor TikTok's; reject if not set"`
}

// DecodeNode reads a name, or a map that says where the row has it.
func (e *Event) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.Null:
	case settings.Map:
		m := eventMap{}
		n.Decode(&m, at)
		e.Field = &mapping.Field{Column: m.Column, Path: m.Path, Expr: m.Expr, Value: m.Value, Default: m.Default}
		e.Map, e.Unmapped = m.Map, m.Unmapped
	default:
		n.Decode(&e.Static, at)
	}
}

// EncodeYAML prints the event as it was written.
func (e Event) EncodeYAML() any {
	if e.Field == nil {
		return e.Static
	}
	return eventMap{e.Field.Column, e.Field.Path, e.Field.Expr, e.Field.Value, e.Field.Default, e.Map, e.Unmapped}
}

// JSONSchema describes the forms of the event.
func (*Event) JSONSchema() map[string]any {
	return oneOf(map[string]any{"type": "string", "examples": namesOf(0)}, settings.Schema(eventMap{}))
}

// EventID says what an event's id is made of: all columns, some, or a field used as it is.
type EventID struct {
	All     bool
	Columns []string
	Field   *mapping.Field
}

// DecodeNode reads a column's name, or {columns: all}, {columns: […]}, or a field.
func (id *EventID) DecodeNode(n *settings.Node, at settings.Place) {
	if n.Kind() != settings.Map {
		id.field(n, at)
		return
	}
	pairs := n.Pairs()
	i := slices.IndexFunc(pairs, func(p settings.Pair) bool { return p.Key == "columns" })
	switch {
	case i < 0:
		id.field(n, at)
	case len(pairs) > 1:
		at.Problem("columns must be the only key here", "")
	case pairs[i].Value.Kind() == settings.String && pairs[i].Value.Text() == "all":
		id.All = true
	case pairs[i].Value.Kind() == settings.List:
		pairs[i].Value.Decode(&id.Columns, at.Key("columns"))
	default:
		at.Key("columns").Problem("must be all, or a list of columns", "")
	}
}

func (id *EventID) field(n *settings.Node, at settings.Place) {
	if n.Kind() == settings.Null {
		return
	}
	id.Field = &mapping.Field{}
	n.Decode(id.Field, at)
}

// EncodeYAML prints the id as it was written.
func (id EventID) EncodeYAML() any {
	switch {
	case id.Field != nil:
		return *id.Field
	case id.Columns != nil:
		return map[string]any{"columns": id.Columns}
	}
	return map[string]any{"columns": "all"}
}

// JSONSchema describes the forms of the id.
func (*EventID) JSONSchema() map[string]any {
	list := map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	columns := map[string]any{"type": "object", "properties": map[string]any{"columns": oneOf(map[string]any{"const": "all"}, list)},
		"required": []string{"columns"}, "additionalProperties": false}
	return map[string]any{"anyOf": []any{columns, (&mapping.Field{}).JSONSchema()}}
}
