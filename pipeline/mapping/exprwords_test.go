package mapping

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestAConditionOfAnotherLanguageGetsItsCure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`status = "paid"`:                     "not understood at character 8 (write == ",
		`status == "paid" AND amount > 1`:     "not understood at character 18 (write && ",
		`status == "paid" OR amount > 1`:      "not understood at character 18 (write || ",
		`a == 1 & b == 2`:                     "not understood at character 8 (write && ",
		`NOT paid`:                            "not understood at character 5 (write ! ",
		`status <> "paid"`:                    "not understood at character 9 (write != ",
		`status IS NOT NULL`:                  "(write == nil or != nil",
		`status == NULL`:                      "NULL would be the name of a column (write nil)",
		`paid == TRUE`:                        "TRUE would be the name of a column (write true)",
		`status LIKE "paid%"`:                 "(write contains, startsWith",
		`status IN ("a", "b")`:                "(write in, and the list in brackets",
		`status in ("a", "b")`:                "(write a list in brackets",
		`amount BETWEEN 1 AND 2`:              "(write both bounds",
		`(status == "paid"`:                   "not understood at character 18 (something is missing at the end",
		`status == "paid`:                     "a quote is opened and not closed",
		`uper(status) == "PAID"`:              "unknown function uper (did you mean upper?)",
		`status + 1 > "ada@example.com" "b"`:  "(see that both sides",
		`1 + 2`:                               "not a condition: it gives int, not true or false (compare it",
		`status == "ada@example.com" === "x"`: "(write == ",
	} {
		var r settings.Report
		CheckCondition(text, settings.Root(&r).Key("when"))
		got := ""
		if err := r.Err(); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.Contains(got, "ada@") {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
	var r settings.Report
	CheckCondition(`after.NULL == nil && before.None != "x"`, settings.Root(&r))
	if err := r.Err(); err != nil {
		t.Errorf("columns of such names: %v", err)
	}
}
