package cdc

import (
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Framing says how the id of the writer schema travels with a record. The zero Framing looks at each record. In YAML it is
// a style, or a map of these keys.
type Framing struct {
	Carrier `yaml:",inline"`

	Key    *Framing           `yaml:"key" doc:"framing of record keys, where it is another"`
	Topics map[string]Framing `yaml:"topics" doc:"framing of single topics"`
}

// Carrier is what carries the id.
type Carrier struct {
	Style    string `yaml:"style" enum:"auto,confluent,header,apicurio,single_object,bare,json" default:"auto" doc:"where the schema id is: before the row (confluent), in Confluent's header with a GUID (header), in Apicurio's headers (apicurio), Avro's single-object encoding, nowhere (bare, with schema), or nowhere because the value is JSON"`
	IDBytes  int    `yaml:"id_bytes" default:"4" doc:"bytes of the id before the row: 8 for Apicurio's eight-byte handler"`
	ID       string `yaml:"id" enum:"content,global" doc:"which of Apicurio's two numbers the id before the row is; default: content with 4 bytes, global with 8"`
	IDHeader string `yaml:"id_header" doc:"name of the header with Apicurio's eight-byte number, where the producer renamed it"`
	Schema   string `yaml:"schema" doc:"bare: full name of a schema in schema_registry.folder"`
}

// The styles.
const (
	styleAuto         = "auto"
	styleConfluent    = "confluent"
	styleHeader       = "header"
	styleApicurio     = "apicurio"
	styleSingleObject = "single_object"
	styleBare         = "bare"
	styleJSON         = "json"
)

const idGlobal = "global"

// framingMap is Framing as it is written as a map.
type framingMap Framing

// DecodeNode takes a style alone for the map {style: …}, and checks what does not fit together.
func (f *Framing) DecodeNode(n *settings.Node, at settings.Place) {
	if n.Kind() != settings.String {
		n.Decode((*framingMap)(f), at)
		f.check(at)
		return
	}
	styles := []string{styleAuto, styleConfluent, styleHeader, styleApicurio, styleSingleObject, styleJSON}
	if !slices.Contains(styles, n.Text()) {
		at.Problem("must be one of "+strings.Join(styles, ", ")+", or a map", "")
		return
	}
	f.Style = n.Text()
}

// EncodeYAML prints a style alone without its map.
func (f Framing) EncodeYAML() any {
	if f.Carrier == settings.WithDefaults(Carrier{Style: f.Style}) && f.Key == nil && f.Topics == nil {
		return f.Style
	}
	return framingMap(f)
}

// JSONSchema describes the setting for editors.
func (Framing) JSONSchema() map[string]any {
	style := map[string]any{"enum": []string{styleAuto, styleConfluent, styleHeader, styleApicurio, styleSingleObject, styleJSON}}
	one := func() map[string]any { return map[string]any{"anyOf": []any{style, settings.SchemaOf(Carrier{})}} }
	all := settings.SchemaOf(Carrier{})
	properties := all["properties"].(map[string]any)
	properties["key"] = one()
	properties["topics"] = map[string]any{"type": "object", "additionalProperties": one()}
	return map[string]any{"anyOf": []any{style, all}}
}

func (f *Framing) check(at settings.Place) {
	if f.IDBytes != 4 && f.IDBytes != 8 {
		at.Key("id_bytes").Problem("must be 4 or 8", "8 is Apicurio's eight-byte handler, 4 any other")
	}
	if f.Style == styleBare && f.Schema == "" {
		at.Key("schema").Problem("required with style bare", "the full name of a schema in schema_registry.folder")
	}
	if f.Style != styleBare && f.Schema != "" {
		at.Key("schema").Problem("is for style bare", "")
	}
}
