package cdc

import (
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestInspectTellsColumnsAndWhatIsMissing(t *testing.T) {
	schema := schemaFile(t, "postgres-envelope")
	in := inspectOne(t, plainConfig, Wanted{Columns: []string{"email", "gone"}}, schema.text)
	if in.What != "change" || in.Connector != "postgresql" || !slices.Equal(in.Missing, []string{"gone"}) {
		t.Errorf("got %s with %v missing, want a change with gone missing", in.What, in.Missing)
	}
	want := map[string]string{"id": "int", "email": "string", "value": "decimal(2)", "weight": "decimal", "occurred_at": "instant",
		"created_at": "local time", "birth_date": "date", "contents": "json", "tags": "list of string", "opted_in": "bool"}
	for _, c := range in.Columns {
		if w, ok := want[c.Name]; ok && c.Type != w {
			t.Errorf("%s: got %s, want %s", c.Name, c.Type, w)
		}
	}
}

func TestInspectTellsWhatEachMappedColumnIs(t *testing.T) {
	schema := `{"type":"record","name":"r","fields":[{"name":"ID","type":"long"},{"name":"address","type":["null",{"type":"record","name":"a","fields":[
		{"name":"city","type":"string"}]}]},{"name":"doc","type":{"type":"string","connect.name":"io.debezium.data.Json"}},
		{"name":"several","type":["null","string","long"]},{"name":"tags","type":{"type":"array","items":["null","string"]}},{"name":"first_u005fname","type":"string"}]}`
	wanted := Wanted{Columns: []string{"id", "address.city", "address.street", "doc.a.b", "several", "tags", "first_name", "nope", "id.x"}}
	in := inspectOne(t, settings.WithDefaults(Config{CaseInsensitive: true, MissingColumn: missingNull}), wanted, schema)
	want := []Column{{"id", "int", pipeline.Int, false}, {"address.city", "string", pipeline.String, true}, {Name: "address.street", Nullable: true},
		{"doc.a.b", "a member of doc", pipeline.Missing, true}, {"several", "one of several types", pipeline.Missing, true}, {"tags", "list of string", pipeline.List, false},
		{"first_name", "string", pipeline.String, false}, {Name: "nope"}, {Name: "id.x"}}
	if !slices.Equal(in.Mapped, want) || !in.IsRow() || len(in.Missing) != 0 {
		t.Errorf("got %v, missing %v, want %v", in.Mapped, in.Missing, want)
	}
}

func TestInspectTellsWhatIsNoRow(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"record","name":"Heartbeat","namespace":"io.debezium.connector.common","fields":[{"name":"ts_ms","type":"long"}]}`: "skipped: heartbeat",
		`"long"`:   "the schema is a long, not a record",
		`"string"`: "its values are text, read as JSON: only the rows tell",
	} {
		in := inspectOne(t, plainConfig, Wanted{Columns: []string{"id"}}, text)
		if in.IsRow() || in.What != want {
			t.Errorf("got %+v, want %s", in, want)
		}
	}
}

func inspectOne(t *testing.T, cfg Config, wanted Wanted, schema string) *Inspection {
	t.Helper()
	all, err := Inspect(cfg, wanted, &avro.Source{Text: schema})
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d inspections and %v, want one", len(all), err)
	}
	return all[0]
}
