package mapping

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestExpressionsAreCheckedAgainstTheSchema(t *testing.T) {
	kinds := Kinds{"status": {Kind: pipeline.String}, "qty": {Kind: pipeline.Int}, "amount": {Kind: pipeline.Decimal}, "at": {Kind: pipeline.Instant}, "ok": {Kind: pipeline.Bool}, "items": {Kind: pipeline.List}}
	for text, want := range map[string]string{
		`after.status == "paid" && before.status != "paid"`: "",
		`qty * amount > 5 && now() - at < duration("1h")`:   "",
		`before == nil || before?.qty == nil`:               "",
		`len(items) > 1 ? status : "x"`:                     "",
		`op == "insert" && ok`:                              "",
		`status > 5`:                                        "invalid operation: > (mismatched types string and int)",
		`after.stauts == "paid"`:                            "stauts",
		`missing == 1`:                                      "unknown name missing", // the caller names every column it reads
		`status + qty`:                                      "invalid operation: + (mismatched types string and int)",
		`at > 5`:                                            "mismatched types",
	} {
		report := &settings.Report{}
		kinds.CheckTypes(text, settings.Root(report))
		problems := report.Problems()
		if (len(problems) > 0) != (want != "") || len(problems) > 0 && !strings.Contains(problems[0].Rule, want) {
			t.Errorf("%s: got %v, want %q", text, problems, want)
		}
	}
}

func TestFieldsAreCheckedAgainstTheSchema(t *testing.T) {
	kinds := Kinds{"flag": {Kind: pipeline.Bool}, "digest": {Kind: pipeline.Bytes, Nullable: true}, "at": {Kind: pipeline.Instant, Nullable: true},
		"text": {Kind: pipeline.String}, "items": {Kind: pipeline.List}}
	for text, want := range map[string]struct {
		kind    pipeline.Kind
		null    bool
		problem string
	}{
		"at":                                  {pipeline.Instant, true, ""},
		"text":                                {pipeline.String, false, ""},
		"[at, digest]":                        {pipeline.Missing, true, ""},
		"[at, text]":                          {pipeline.Missing, false, ""},
		"{column: at, default: x}":            {pipeline.Instant, false, ""},
		"{column: digest, type: hex}":         {pipeline.String, true, ""},
		"{column: flag, type: number}":        {pipeline.Int, false, ""},
		"{column: at, format: '%Y'}":          {pipeline.String, true, ""},
		"{column: text, type: millis}":        {pipeline.String, false, ""}, // only rows can tell
		"{column: items, path: 0.sku}":        {pipeline.Missing, false, ""},
		"{column: flag, type: millis}":        {pipeline.Bool, false, "column flag is a bool, which is not a value that type millis can read"},
		"{column: items, type: string}":       {pipeline.List, false, "column items is a list"},
		"{column: digest, type: number}":      {pipeline.Bytes, true, "column digest is binary"},
		"{expr: 'at > 5'}":                    {pipeline.Missing, false, "mismatched types"},
		"{columns: [text, flag], type: days}": {pipeline.Missing, false, "column flag is a bool"},
	} {
		t.Run(text, func(t *testing.T) {
			report, f := &settings.Report{}, field(t, text)
			kind, null := f.CheckTypes(kinds, settings.Root(report)), f.MayBeNull(kinds)
			var problems strings.Builder
			for _, p := range report.Problems() {
				problems.WriteString(p.Rule)
			}
			if (problems.String() == "") != (want.problem == "") || !strings.Contains(problems.String(), want.problem) {
				t.Errorf("got %q, want %q", problems.String(), want.problem)
			}
			if want.problem == "" && kind != want.kind || null != want.null {
				t.Errorf("got %s, may be NULL %t, want %s, %t", kind, null, want.kind, want.null)
			}
		})
	}
}

// What is said of a type has to be true of every value: the conversion itself is asked about more of them.
func TestWhatATypeCannotReadIsRejectedInEveryRow(t *testing.T) {
	values := []pipeline.Value{pipeline.BoolValue(false), pipeline.BytesValue([]byte{0xff, 0}), pipeline.InstantValue(1785582000, 1), pipeline.LocalValue(-1, 0),
		pipeline.DateValue(20667), pipeline.TimeOfDayValue(86399e9), pipeline.DurationValue(-5), pipeline.ListValue([]pipeline.Value{num(1)}),
		pipeline.StructValue([]string{"a"}, []pipeline.Value{num(1)})}
	field, _ := reflect.TypeFor[Field]().FieldByName("Type")
	for typ := range strings.SplitSeq(field.Tag.Get("enum"), ",") {
		for _, v := range values {
			report, f, cols := &settings.Report{}, Field{Column: "c", Type: typ}, &Columns{}
			f.CheckTypes(Kinds{"c": {Kind: v.Kind()}}, settings.Root(report))
			r, g := NewRow(clockAtNoon), f.Compile("f", cols)
			r.Begin(change(cols, pipeline.Insert, nil, columns{"c": v}))
			if _, err := g.Value(r); report.Err() != nil && err == nil {
				t.Errorf("type %s: %s is read, and was said to be rejected", typ, v.Kind())
			}
		}
	}
}
