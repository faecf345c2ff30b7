package cdc

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func load(text string) (Config, *settings.Report) {
	var cfg Config
	report := settings.Load([]byte(text), &cfg, settings.Vars(nil))
	cfg.Validate(settings.Root(report))
	return cfg, report
}

func TestEveryMistakeIsReportedWhereItStands(t *testing.T) {
	_, report := load(`format: avro
before_image: some
missing_column: maybe
unavailable_placeholder: "hex:zz"
decoder: fast
limits: {max_depth: 5000, max_values: -1}
operation: {insert: [a], delete: [a]}
deleted_when: {column: x}
`)
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	want := []string{"format", "before_image", "missing_column", "unavailable_placeholder", "decoder", "limits.max_depth",
		"limits.max_values", "operation.column", "operation.delete[0]", "deleted_when"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got problems at %s\nwant at %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

func TestAnOperationColumnIsForPlainRows(t *testing.T) {
	_, report := load("format: debezium\noperation: {column: op}\ndeleted_when: {column: x, equals: true}\n")
	if got := report.Problems(); len(got) != 1 || got[0].Path != "operation" {
		t.Errorf("got %v, want a problem at operation alone", report.Err())
	}
}

func TestAnOperationsWordIsInOneListWhateverItsCase(t *testing.T) {
	if _, report := load("operation: {column: op, insert: [insert, INSERT, c], delete: [d]}"); report.Err() != nil {
		t.Errorf("one word in two cases in one list: %v", report.Err())
	}
	_, report := load("operation: {column: op, insert: [\"I \", c], delete: [d, i]}")
	if got := report.Problems(); len(got) != 1 || got[0].Path != "operation.delete[1]" {
		t.Errorf("got %v, want a problem at operation.delete[1]", report.Err())
	}
}

func TestRecordsAreFullNames(t *testing.T) {
	_, report := load("records: [shop.Order, \"\", shop.Order]")
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	if want := []string{"records[1]", "records[2]"}; !slices.Equal(got, want) {
		t.Errorf("got problems at %v, want at %v", got, want)
	}
}

func TestNullIsAMissingColumnPolicy(t *testing.T) {
	for text, want := range map[string]Missing{"missing_column: null": missingNull, "missing_column: reject": missingReject,
		"missing_column: stop": missingStop, "format: flat": missingDefault} {
		cfg, report := load(text)
		if err := report.Err(); err != nil || cfg.MissingColumn != want {
			t.Errorf("%s: got %q and %v, want %q", text, cfg.MissingColumn, err, want)
		}
	}
}

func TestAnEmptyConfigurationIsValid(t *testing.T) {
	if _, report := load("{}"); len(report.Problems()) != 0 {
		t.Errorf("got %v", report.Err())
	}
}

func TestGivingUpAPlanIsCountedOnce(t *testing.T) {
	counted := metrics.New()
	text := `{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`
	d, err := NewDecoder(plainConfig, Wanted{All: true}, oneSchema{&avro.Source{Text: text}}, NewMetrics(counted))
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.writer(t.Context(), registry.ID{Kind: registry.NumberID, N: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.programs[0].row.Steps[0].Meaning = avro.Days // the fault: a number taken for a day
	for range 3 {
		var c pipeline.Change
		if err := d.Decode(t.Context(), &pipeline.Record{Value: framed([]byte{2, 4})}, &c); err != nil {
			t.Fatal(err)
		}
	}
	families, err := counted.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasSuffix(f.GetName(), "decoder_fallbacks_total") {
			if got := f.GetMetric()[0].GetCounter().GetValue(); got != 1 {
				t.Errorf("got %v, want 1", got)
			}
			return
		}
	}
	t.Error("nothing was counted")
}

func TestDeletedWhenTakesYAMLsOwnNull(t *testing.T) {
	for word, want := range map[string]Nullness{"null": isNull, `"null"`: isNull, "not_null": isNotNull} {
		cfg, report := load("deleted_when: {column: x, is: " + word + "}")
		if err := report.Err(); err != nil || cfg.DeletedWhen.Is != want {
			t.Errorf("is: %s: got %q, %v, want %q", word, cfg.DeletedWhen.Is, err, want)
		}
	}
	if _, report := load("deleted_when: {column: x, is: maybe}"); len(report.Problems()) == 0 {
		t.Error("is: maybe was accepted")
	}
}
