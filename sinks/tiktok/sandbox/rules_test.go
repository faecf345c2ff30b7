package sandbox

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryRuleHasAMark(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(RulesTable()), "\n")[2:]
	for _, row := range rows {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|"), "|")
		if len(cells) != 4 {
			t.Errorf("got %d cells, want 4: %s", len(cells), row)
			continue
		}
		mark, _, _ := strings.Cut(strings.Fields(strings.NewReplacer(":", " ", ";", " ").Replace(cells[2] + " -"))[0], " ")
		if heading := strings.HasPrefix(row, "| **"); !heading && !slices.Contains([]string{"confirmed", "partner", "choice"}, mark) {
			t.Errorf("got mark %q, want confirmed, partner or choice: %s", cells[2], row)
		}
	}
}

func TestEveryWarningAndCodeIsAmongTheRules(t *testing.T) {
	declared := regexp.MustCompile(`Warning = "(\w+)"`).FindAllStringSubmatch(fileText(t, "warning.go"), -1)
	if len(declared) != len(Warnings()) {
		t.Errorf("got %d warnings, want the %d that are declared", len(Warnings()), len(declared))
	}
	for _, w := range declared {
		strict := slices.Contains(Strict(), Warning(w[1]))
		if !strings.Contains(RulesTable(), "`"+w[1]+"`") || strict != strings.Contains(RulesTable(), "`"+w[1]+"` (strict)") {
			t.Errorf("%s: not among the rules, or marked as strict against Strict, which says %v", w[1], strict)
		}
	}
	for _, c := range regexp.MustCompile(`(?m)^\tcode\w+ += (4\d{4})$`).FindAllStringSubmatch(fileText(t, "refusal.go"), -1) {
		if !strings.Contains(RulesTable(), c[1]) {
			t.Errorf("%s is answered and not among the rules", c[1])
		}
	}
}

func TestThePageDescribesEveryEndpointOrderAndRule(t *testing.T) {
	page := fileText(t, "../../../docs/sandbox.md")
	if !strings.HasSuffix(page, RulesTable()) {
		t.Error("docs/sandbox.md does not end with rules.md: copy it")
	}
	for _, e := range endpoints() {
		if !strings.Contains(page, "`"+e.path+"`") {
			t.Errorf("docs/sandbox.md does not name %s", e.path)
		}
	}
	for _, route := range regexp.MustCompile(`HandleFunc\("(\w+ [^"]+)"`).FindAllStringSubmatch(fileText(t, "admin.go"), -1) {
		if !strings.Contains(page, "| `"+strings.Replace(route[1], "{$}", "", 1)+"` |") {
			t.Errorf("docs/sandbox.md does not describe %s", route[1])
		}
	}
	for _, name := range regexp.MustCompile(`json:"(\w+),omitempty"`).FindAllStringSubmatch(fileText(t, "faultjson.go"), -1) {
		if !strings.Contains(page, "`"+name[1]+"`") {
			t.Errorf("docs/sandbox.md does not describe the fault's field %s", strconv.Quote(name[1]))
		}
	}
}
