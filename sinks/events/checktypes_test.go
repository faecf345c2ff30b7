package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const checkedConfig = `web_events:
  pixel_code: CTESTPIXELCODE000000
  event: %s
  event_id: {column: id}
  fields:
    event_time: %s
    user.external_id: id
    page.url: %s
    properties.value: %s
    user.email: %s
`

func checked(t *testing.T, k mapping.Kinds, config string) (problems []string) {
	t.Helper()
	c := syncConfig{}
	if err := settings.Load([]byte(config), &c, settings.Lookup{}).Err(); err != nil {
		t.Fatal(err)
	}
	report := &settings.Report{}
	c.WebEvents.CheckTypes(k, settings.Root(report).Key("web_events"))
	for _, p := range report.Problems() {
		problems = append(problems, fmt.Sprintf("%t %s: %s", p.Warning, p.Path, p.Rule))
	}
	return problems
}

func TestAMappingIsCheckedAgainstTheSchema(t *testing.T) {
	kinds := mapping.Kinds{"id": {Kind: pipeline.Int}, "at": {Kind: pipeline.Instant}, "paid_at": {Kind: pipeline.Local, Nullable: true}, "url": {Kind: pipeline.String, Nullable: true},
		"email": {Kind: pipeline.String, Nullable: true}, "amount": {Kind: pipeline.Decimal}, "flag": {Kind: pipeline.Bool}, "digest": {Kind: pipeline.Bytes}, "name": {Kind: pipeline.String}}
	for name, test := range map[string]struct {
		parts []any
		want  []string
	}{
		"all is well": {[]any{"{column: name}", "at", "{column: url, default: 'https://x.example/'}", "amount", "email"}, nil},
		"types that do not fit": {[]any{"Purchase", "flag", "{value: 'https://x.example/'}", "at", "digest"}, []string{
			"false web_events.fields.event_time: the column's type is bool, which is not a time",
			"false web_events.fields.properties.value: the column's type is instant, which the field cannot take",
			"false web_events.fields.user.email: the column's type is bytes, which the field cannot take"}},
		"types that are made to fit": {[]any{"Purchase", "at", "{value: 'https://x.example/'}", "{column: flag, type: number}", "{column: digest, type: hex}"}, nil},
		"required and nullable": {[]any{"Purchase", "paid_at", "url", "amount", "email"}, []string{
			"true web_events.fields.event_time: the column may be NULL, and the field is required",
			"true web_events.fields.page.url: the column may be NULL, and the field is required"}},
		"an expression": {[]any{"Purchase", "at", "{value: 'https://x.example/'}", "{expr: name * 2}", "email"}, []string{
			"false web_events.fields.properties.value.expr: does not fit the columns: invalid operation: * (mismatched types string and int) (1:6)"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := checked(t, kinds, fmt.Sprintf(checkedConfig, test.parts...))
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// What the check says is rejected has to be: every field is given every kind of column.
func TestWhatTheCheckRefusesIsRejected(t *testing.T) {
	values := []pipeline.Value{pipeline.BoolValue(true), pipeline.IntValue(1), pipeline.FloatValue(1), pipeline.Float32Value(1), pipeline.DecimalValue(15, 1),
		pipeline.BytesValue([]byte("1")), pipeline.InstantValue(caseNow.Unix(), 0), pipeline.LocalValue(caseNow.Unix(), 0), pipeline.DateValue(20667),
		pipeline.TimeOfDayValue(5), pipeline.DurationValue(5), pipeline.ListValue([]pipeline.Value{pipeline.IntValue(1)}),
		pipeline.StructValue([]string{"a"}, []pipeline.Value{pipeline.IntValue(1)})}
	refused, fields := 0, []string{timeField}
	for _, s := range specs {
		if s.sources&web != 0 && !s.rider {
			fields = append(fields, s.name)
		}
	}
	for _, field := range fields {
		s := loadSync(t, checkedWith(field))
		for _, v := range values {
			report := &settings.Report{}
			s.plan.cfg.CheckTypes(mapping.Kinds{"c": {Kind: v.Kind()}}, settings.Root(report))
			if report.Err() == nil {
				continue
			}
			refused++
			s.items.Reset()
			c := changeOf(t, &s.columns, jsonRow{"id": "1", "c": "", "at": caseNow.Format("2006-01-02T15:04:05Z07:00")})
			for i, name := range c.Shape.Names {
				if name == "c" {
					c.After.Values[i] = v
				}
			}
			if rejection, ok := s.maker.Make(&s.items, 0, c).(*pipeline.Rejection); !ok || !strings.HasPrefix(rejection.Field, field) {
				t.Errorf("%s: %s is taken, and was said to be rejected", field, v.Kind())
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d kinds were refused: the check looks at nothing", refused)
	}
}

func checkedWith(field string) string {
	var text strings.Builder
	text.WriteString("web_events:\n  pixel_code: CTESTPIXELCODE000000\n  event: Purchase\n  event_id: {column: id}\n  fields:\n    " + field + ": c\n")
	for name, form := range map[string]string{timeField: "at", "page.url": "{value: 'https://x.example/'}", "user.external_id": "id"} {
		if name != field {
			text.WriteString("    " + name + ": " + form + "\n")
		}
	}
	return text.String()
}
