package mapping

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestExpressionsAreCheckedAgainstTheSchema(t *testing.T) {
	kinds := Kinds{"status": pipeline.String, "qty": pipeline.Int, "amount": pipeline.Decimal, "at": pipeline.Instant, "ok": pipeline.Bool, "items": pipeline.List}
	for text, want := range map[string]string{
		`after.status == "paid" && before.status != "paid"`: "",
		`qty * amount > 5 && now() - at < duration("1h")`:   "",
		`before == nil || before?.qty == nil`:               "",
		`len(items) > 1 ? status : "x"`:                     "",
		`op == "insert" && ok`:                              "",
		`status > 5`:                                        "invalid operation: > (mismatched types string and int)",
		`after.stauts == "paid"`:                            "stauts",
		`missing == 1`:                                      "unknown name missing",
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
	report := &settings.Report{}
	(&Field{Columns: []string{"a", "b"}}).CheckTypes(Kinds{"a": pipeline.String}, settings.Root(report))
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "no column b") || strings.Contains(err.Error(), "column a") {
		t.Errorf("got %v, want that b is missing", err)
	}
}
