package events

import (
	"cmp"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config is `web_events` of a sync.
type Config struct {
	API           string  `yaml:"api" enum:"events,pixel" default:"events" doc:"events is Events API 2.0; pixel is the older 1.0, for pixels that still need it"`
	EventSource   Setting `yaml:"event_source" doc:"web, offline or crm; web if not set; {column: …} where the row says it"`
	PixelCode     Setting `yaml:"pixel_code" doc:"the pixel web events belong to; {column: …} where the row names it"`
	EventSourceID Setting `yaml:"event_source_id" doc:"the offline or CRM event set that events belong to"`
	Event         Event   `yaml:"event" doc:"the event's name, or {column, map} where the row names it"`
	EventID       EventID `yaml:"event_id" doc:"what makes the same event the same: {columns: all} if not set, {columns: […]}, {column: id} or {expr: …}"`
	TestEventCode Setting `yaml:"test_event_code" doc:"sends events to Events Manager's test view; {column: …} for single rows"`

	Fields           Fields `yaml:"fields" doc:"TikTok's field and where its value comes from"`
	Hash             Hash   `yaml:"hash" doc:"what the mapped columns of identifiers hold"`
	CustomEvents     bool   `yaml:"custom_events" doc:"allow event names of your own"`
	CustomProperties bool   `yaml:"custom_properties" doc:"allow properties of your own"`
	RenameLegacy     bool   `yaml:"rename_legacy" doc:"send Purchase for CompletePayment and Lead for SubmitForm"`

	MaxAge            *settings.Duration `yaml:"max_age" default:"28d" doc:"older events are rejected; 0s for no limit"`
	RequireIdentifier *bool              `yaml:"require_identifier" default:"true" doc:"reject rows without any identifier or click id"`
	CurrencyFile      string             `yaml:"currency_file" doc:"a newer list of currency codes in place of the built-in one"`

	StripPlusTag        bool `yaml:"strip_plus_tag" doc:"hash ann+shop@x.org as ann@x.org"`
	StripDots           bool `yaml:"strip_dots" doc:"hash a.nn@x.org as ann@x.org"`
	LowercaseExternalID bool `yaml:"lowercase_external_id" doc:"hash external_id in lower case"`

	Batch Batch `yaml:"batch" doc:"how events are put into calls"`
}

// Batch is how many events share a call, and how long they may wait for it.
type Batch struct {
	MaxEvents int               `yaml:"max_events" default:"1000" doc:"events per call, 1 to 1000 (1 to 50 with api: pixel)"`
	Linger    settings.Duration `yaml:"linger" default:"0s" doc:"how long an event may wait for others"`
}

// Hash says per identifier what its column holds: clear text (raw), digests (hashed), or either (auto).
type Hash struct {
	Email      string `yaml:"email" enum:"auto,raw,hashed"`
	Phone      string `yaml:"phone" enum:"auto,raw,hashed"`
	ExternalID string `yaml:"external_id" enum:"auto,raw,hashed"`
	FirstName  string `yaml:"first_name" enum:"auto,raw,hashed"`
	LastName   string `yaml:"last_name" enum:"auto,raw,hashed"`
	ZipCode    string `yaml:"zip_code" enum:"auto,raw,hashed"`
	IDFA       string `yaml:"idfa" enum:"auto,raw,hashed"`
	GAID       string `yaml:"gaid" enum:"auto,raw,hashed"`
}

// Setting is a text that is the same for every row, or a field that reads it from the row.
type Setting struct {
	Static string
	Field  *mapping.Field
}

// DecodeNode reads a text, or a map as a field.
func (s *Setting) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.Null:
	case settings.Map:
		s.Field = &mapping.Field{}
		n.Decode(s.Field, at)
	default:
		n.Decode(&s.Static, at)
	}
}

// EncodeYAML prints the setting as it was written.
func (s Setting) EncodeYAML() any {
	if s.Field != nil {
		return *s.Field
	}
	return s.Static
}

// JSONSchema describes the forms of a setting.
func (*Setting) JSONSchema() map[string]any {
	return oneOf(map[string]any{"type": "string"}, (&mapping.Field{}).JSONSchema())
}

func oneOf(forms ...any) map[string]any { return map[string]any{"oneOf": forms} }

func (s *Setting) isSet() bool { return s.Static != "" || s.Field != nil }

// Event is the event's name.
type Event struct {
	Static   string
	Field    *mapping.Field
	Map      map[string]Names
	Unmapped string
}

// Names are the events one of the company's names stands for: one, several, or none.
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
	return oneOf(map[string]any{"type": "string", "examples": acceptedNames()}, settings.Schema(eventMap{}))
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
		at.Problem("columns stands alone here", "")
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

// WithDefaults is the configuration with everything said that goes without saying.
func (c Config) WithDefaults() Config {
	age, identified := settings.Duration(c.maxAge()), c.requiresIdentifier()
	c.API = cmp.Or(c.API, "events")
	c.MaxAge, c.RequireIdentifier, c.Batch.MaxEvents = &age, &identified, c.maxEvents()
	if !c.EventSource.isSet() {
		c.EventSource.Static = "web"
	}
	if c.EventID.Field == nil && c.EventID.Columns == nil {
		c.EventID.All = true
	}
	return c
}

const maxAgeDefault = 28 * 24 * time.Hour

func (c *Config) maxAge() time.Duration {
	if c.MaxAge == nil {
		return maxAgeDefault
	}
	return c.MaxAge.Std()
}

func (c *Config) requiresIdentifier() bool { return c.RequireIdentifier == nil || *c.RequireIdentifier }

func (c *Config) pixelAPI() bool { return c.API == "pixel" }

func (c *Config) maxEvents() int {
	if c.pixelAPI() {
		return cmp.Or(c.Batch.MaxEvents, maxPixelBatch)
	}
	return cmp.Or(c.Batch.MaxEvents, maxBatch)
}

const (
	maxBatch      = 1000
	maxPixelBatch = 50
)
