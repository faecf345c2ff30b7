package cdc

import (
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestARecordTypeAnswersToTheNamesAPersonKnows(t *testing.T) {
	row := `{"type":"record","name":"Value","fields":[{"name":"id","type":"long"}]}`
	schemas := map[string]string{
		"plain": `{"type":"record","name":"OrderPaid","namespace":"shop.events","fields":[{"name":"id","type":"long"}]}`,
		"envelope": `{"type":"record","name":"Envelope","namespace":"shop.public.orders","fields":[{"name":"before","type":["null",` + row +
			`]},{"name":"after","type":["null","Value"]},{"name":"op","type":"string"}]}`,
		"flattened": `{"type":"record","name":"Value","namespace":"shop.public.orders","fields":[{"name":"id","type":"long"}]}`,
		"routed": `{"type":"record","name":"Envelope","namespace":"all.orders","fields":[{"name":"after","type":["null",{"type":"record","name":"Value",
			"namespace":"shop.public.orders","fields":[{"name":"id","type":"long"}]}]}]}`,
	}
	for _, c := range []struct {
		record string
		read   []string
	}{
		{"shop.events.OrderPaid", []string{"plain"}},
		{"OrderPaid", nil}, // a full name is asked for
		{"shop.public.orders.Envelope", []string{"envelope"}},
		{"shop.public.orders.Value", []string{"envelope", "flattened", "routed"}},
		{"shop.public.orders", []string{"envelope", "flattened", "routed"}},
		{"shop.public", nil},
		{"all.orders", []string{"routed"}},
	} {
		var read []string
		for name, text := range schemas {
			root, err := avro.Parse(&avro.Source{Text: text})
			if err != nil {
				t.Fatal(err)
			}
			if (&Config{Records: []string{c.record}}).picks(root) {
				read = append(read, name)
			}
		}
		if slices.Sort(read); !slices.Equal(read, c.read) {
			t.Errorf("records: [%s] reads %v, want %v", c.record, read, c.read)
		}
	}
}

func TestInspectJudgesTheTypesOfAUnionByThemselves(t *testing.T) {
	union := &avro.Source{Text: `["null",{"type":"record","name":"Shipped","namespace":"e","fields":[{"name":"id","type":"long"}]},
		{"type":"record","name":"Paid","namespace":"e","fields":[{"name":"id","type":"long"},{"name":"email","type":"string"}]}]`}
	for _, c := range []struct {
		records []string
		want    []string // of each branch: its name, what it is, what is missing
	}{
		{nil, []string{" the schema is a null, not a record []", "e.Shipped row [email]", "e.Paid row []"}},
		{[]string{"e.Paid"}, []string{" skipped: record_type []", "e.Shipped skipped: record_type []", "e.Paid row []"}},
	} {
		all, err := Inspect(settings.WithDefaults(Config{Records: c.records}), Wanted{Columns: []string{"email"}}, union)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, in := range all {
			missing := "[]"
			if len(in.Missing) > 0 {
				missing = "[" + in.Missing[0] + "]"
			}
			got = append(got, in.Record+" "+in.What+" "+missing)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("records %v: got %q, want %q", c.records, got, c.want)
		}
	}
}

func TestInspectReadsAJSONSchema(t *testing.T) {
	src := &avro.Source{JSON: true, Text: `{"type":"object","title":"shop.Customer","required":["id"],"properties":{"id":{"type":"integer"},"email":{"type":"string"}}}`}
	all, err := Inspect(plainConfig, Wanted{Columns: []string{"id", "email", "gone"}}, src)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %v and %v, want one inspection", all, err)
	}
	want := []Column{{"id", "int", pipeline.Int, false}, {"email", "string", pipeline.String, true}, {Name: "gone"}}
	if in := all[0]; !in.IsRow() || !slices.Equal(in.Mapped, want) || !slices.Equal(in.Missing, []string{"gone"}) {
		t.Errorf("got %+v, want %v with gone missing", in, want)
	}
	all, err = Inspect(plainConfig, Wanted{Columns: []string{"id"}}, &avro.Source{JSON: true, Text: `{"type":"object"}`})
	if err != nil || len(all) != 1 || all[0].IsRow() {
		t.Errorf("got %v and %v, want one that only the rows can tell", all, err)
	}
}

func TestSubjectsAreThoseOfEveryNamingStrategy(t *testing.T) {
	got := (&Config{Records: []string{"shop.public.orders"}}).Subjects("orders")
	for _, want := range []string{"orders-value", "orders-shop.public.orders", "shop.public.orders", "shop.public.orders.Envelope", "orders-shop.public.orders.Value"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if got := (&Config{}).Subjects("orders"); !slices.Equal(got, []string{"orders-value"}) {
		t.Errorf("without records: got %v", got)
	}
}
