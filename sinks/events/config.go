package events

import (
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config is `web_events` of a sync.
type Config struct {
	EventSource   Setting `yaml:"event_source" default:"web" doc:"web, app, offline or crm; {column: …} where the row says it"`
	PixelCode     Setting `yaml:"pixel_code" also:"pixel,pixel_id,event_source_code" doc:"the pixel web events belong to; {column: …} where the row names it"`
	EventSourceID Setting `yaml:"event_source_id" doc:"TikTok's id of the app that app events belong to, or the offline or CRM event set"`
	Event         Event   `yaml:"event" also:"event_name" doc:"the event's name, or {column, map} where the row names it"`
	EventID       EventID `yaml:"event_id" doc:"what makes the same event the same: {columns: all} if not set, {columns: […]}, {column: id} or {expr: …}"`
	TestEventCode Setting `yaml:"test_event_code" doc:"sends events to Events Manager's test view; {column: …} for single rows"`

	Consent       *Consent       `yaml:"consent" doc:"the row's answer that it needs to be sent"`
	TTCLIDFromURL bool           `yaml:"ttclid_from_url" default:"true" doc:"where a row has no user.ttclid, take the parameter ttclid of page.url"`
	Cookies       *mapping.Field `yaml:"cookies" doc:"the browser's Cookie header: user.ttp is its _ttp and user.ttclid its ttclid where the row has none"`

	Fields           Fields `yaml:"fields" doc:"TikTok's field and where its value comes from"`
	Hash             Hash   `yaml:"hash" doc:"what the mapped columns of identifiers hold"`
	CustomEvents     bool   `yaml:"custom_events" doc:"allow event names of your own: at most 50 letters, digits, _ and -, the first a letter"`
	CustomProperties bool   `yaml:"custom_properties" doc:"allow properties of your own"`
	RenameLegacy     bool   `yaml:"rename_legacy" doc:"send Purchase for CompletePayment and Lead for SubmitForm"`

	MaxAge            settings.Duration `yaml:"max_age" default:"28d" doc:"older events are rejected; 0s for no limit"`
	RequireIdentifier bool              `yaml:"require_identifier" default:"true" doc:"reject rows without any identifier or click id"`
	CurrencyFile      string            `yaml:"currency_file" doc:"a newer list of currency codes in place of the built-in one"`

	StripPlusTag        bool `yaml:"strip_plus_tag" doc:"hash ann+shop@x.org as ann@x.org"`
	StripDots           bool `yaml:"strip_dots" doc:"hash a.nn@x.org as ann@x.org"`
	LowercaseExternalID bool `yaml:"lowercase_external_id" doc:"hash external_id in lower case"`

	Batch Batch `yaml:"batch" doc:"how events are put into calls"`
}

// Batch is how many events share a call, and how long they may wait for it.
type Batch struct {
	MaxEvents int               `yaml:"max_events" default:"1000" doc:"events per call, 1 to 1000"`
	Linger    settings.Duration `yaml:"linger" default:"0s" doc:"how long an event may wait for others; 0s does not wait"`
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
		*s = Setting{Field: &mapping.Field{}}
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

const maxBatch = 1000
