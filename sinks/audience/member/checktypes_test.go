package member

import (
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestIdentifiersAreCheckedAgainstTheSchema(t *testing.T) {
	c, _ := load("ids: {EMAIL_SHA256: email, PHONE_SHA256: [phone, born], IDFA_SHA256: born, GAID_SHA256: {column: digest, type: hex}, GAID_MD5: digest}\nmember_when: email > 5")
	report := &settings.Report{}
	CheckTypes("ids", &c.IDs, &c.Rules, mapping.Kinds{"email": {Kind: pipeline.String}, "phone": {Kind: pipeline.Int}, "born": {Kind: pipeline.Date},
		"digest": {Kind: pipeline.Bytes}}, settings.Root(report))
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	if want := []string{"ids.GAID_MD5", "ids.IDFA_SHA256", "member_when"}; !slices.Equal(got, want) {
		t.Errorf("got problems at %q, want %q", got, want)
	}
}

// What the check says is not an identifier is rejected, and what it lets pass is not rejected for its type.
func TestWhatTheCheckRefusesIsRejected(t *testing.T) {
	readers, shape := compiled(t, "ids: {EMAIL_SHA256: c}")
	c, _ := load("ids: {EMAIL_SHA256: c}")
	for _, v := range []pipeline.Value{text("a@x.example"), pipeline.JSONValue([]byte(`"a@x.example"`)), pipeline.IntValue(1), pipeline.DecimalValue(1, 0),
		pipeline.ListValue([]pipeline.Value{text("a@x.example")}), pipeline.BoolValue(true), pipeline.FloatValue(1), pipeline.BytesValue([]byte("a@x.example")),
		pipeline.InstantValue(0, 0), pipeline.DateValue(0), pipeline.DurationValue(0), pipeline.StructValue([]string{"a"}, []pipeline.Value{text("b")})} {
		report := &settings.Report{}
		CheckTypes("ids", &c.IDs, &c.Rules, mapping.Kinds{"c": {Kind: v.Kind()}}, settings.Root(report))
		_, err := digests(&readers[0], shape, v)
		rejection, _ := err.(*pipeline.Rejection)
		if typed := rejection != nil && rejection.Reason == pipeline.WrongType; typed != (report.Err() != nil) {
			t.Errorf("%s: rejected for its type %t, and said to be %t", v.Kind(), typed, report.Err() != nil)
		}
	}
}
