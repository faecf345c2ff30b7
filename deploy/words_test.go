package deploy_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// avoided are words of a private English, with what a Kafka operator's manuals say instead. They are looked for in Go
// sources (names, comments, messages), templates and docs.
var avoided = []struct{ pattern, instead string }{
	{`(tell|tells|told|say|says) whether`, "reports whether"},
	{`somebody|anybody|whoever`, "the caller, the operator, another instance, someone"},
	{`so many`, "n, or this number of"},
	{`anew`, "again"},
	{`bury|buries|buried`, "write the dead letter"},
	{`convict|convicts|convicted|innocent`, "confirm a refusal; good item"},
	{`liar|liars`, "misnamed index"},
	{`mood|moods|bad days`, "fault, fault schedule"},
	{`twin|twins`, "placeholder, second form"},
	{`births?|good-?bye`, "start hook; leave the group"},
	{`landed|boarded|boarding`, "finished; build the request"},
	{`stands? (in|beside)`, "is in, is next to, comes with"},
	{`(it|which|that) is no (number|list|identifier|row|time|text|object|array|condition|address|format|JSON)`, "is not a …"},
}

// unread are the places the words are not looked for yet, each with its reason. Shrink this list, never extend it.
var unread = map[string]string{
	"cmd/tokrelay/debugger/search": "the search of persons is being replaced",
	"docs/decisions/":              "a decision keeps the words of its day",
	"deploy/words_test.go":         "has the list",
}

// TestWordsArePlain reads every source and page.
func TestWordsArePlain(t *testing.T) {
	files := tracked(t, "*.go", "*.md", "*.html", "*.tmpl", "*.yml", "*.yaml", "*.txtar")
	for _, word := range avoided {
		// git's search is many times as fast as a regular expression of ours over the whole tree.
		find := append([]string{"-C", "..", "grep", "-nIiwoE", "-e", word.pattern, "--"}, files...)
		out, err := exec.CommandContext(t.Context(), "git", find...).Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
			t.Fatalf("git grep: %v", err)
		}
		for found := range strings.Lines(string(out)) {
			t.Errorf("%s; write: %s", strings.TrimSpace(found), word.instead)
		}
	}
}

// TestPlacesLeftOutExist keeps the list of places from outliving them.
func TestPlacesLeftOutExist(t *testing.T) {
	all := tracked(t)
	for place := range unread {
		if !slices.ContainsFunc(all, func(file string) bool { return strings.HasPrefix(file, place) }) {
			t.Errorf("%s is left out and has no file: take it off the list", place)
		}
	}
}

// tracked lists the files of the repository that match; with patterns, without the places left out.
func tracked(t *testing.T, patterns ...string) (files []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", "..", "ls-files", "--"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		if len(patterns) == 0 || !leftOut(file) {
			files = append(files, file)
		}
	}
	if len(files) < 100 {
		t.Fatalf("%d files; the test looks at nothing", len(files))
	}
	return files
}

func leftOut(file string) bool {
	for place := range unread {
		if strings.HasPrefix(file, place) {
			return true
		}
	}
	return false
}

var decisionHead = regexp.MustCompile(`^# \d{4}: .+\n\n- Status: (accepted|superseded by \d{4})\n- Date: \d{4}-\d\d-\d\d\n\n## Context\n`)

// TestDecisionsHaveOneForm: number, status and date, then context, decision, consequences.
func TestDecisionsHaveOneForm(t *testing.T) {
	pages, err := filepath.Glob("../docs/decisions/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		text := read(t, page)
		if !decisionHead.MatchString(text) || !strings.HasPrefix(text, "# "+filepath.Base(page)[:4]+": ") {
			t.Errorf("%s: the head has another form", page)
		}
		if d, c := strings.Index(text, "\n## Decision\n"), strings.Index(text, "\n## Consequences\n"); d < 0 || c < d {
			t.Errorf("%s: wants Context, Decision, Consequences in this order", page)
		}
	}
}
