package deploy_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	spans  = regexp.MustCompile("`(tokrelay [a-z][^`]*)`")
	blocks = regexp.MustCompile("(?s)```sh\n(.*?)```")
	lines  = regexp.MustCompile(`(?m)^\s*(?:bin/)?(tokrelay [a-z].*)$`)
	links  = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	flags  = regexp.MustCompile(`^--?[a-z][a-z-]*`)
	quotes = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("../docs/operations/*.md")
	if err != nil || len(list) < 8 {
		t.Fatalf("%d pages, %v", len(list), err)
	}
	more, err := filepath.Glob("../docs/*.md")
	if err != nil || len(more) < 5 {
		t.Fatalf("%d pages, %v", len(more), err)
	}
	return append(append(list, more...), "../README.md", "debezium/README.md")
}

// commands are the command lines of tokrelay in a page.
func commands(page string) (list []string) {
	found := spans.FindAllStringSubmatch(page, -1)
	for _, block := range blocks.FindAllStringSubmatch(page, -1) {
		found = append(found, lines.FindAllStringSubmatch(block[1], -1)...)
	}
	for _, m := range found {
		line, _, _ := strings.Cut(m[1], " #")
		list = append(list, quotes.ReplaceAllString(line, "x"))
	}
	return list
}

// TestCommandsInTheDocsExist asks the real binary for the help of every command, and looks for the flags there.
func TestCommandsInTheDocsExist(t *testing.T) {
	binary := binaryOf(t, "../cmd/tokrelay")
	checked, helps := 0, map[string]string{}
	for _, page := range pages(t) {
		for _, line := range commands(read(t, page)) {
			words := strings.Fields(line)[1:]
			end := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
			if end < 0 {
				end = len(words)
			}
			command := strings.Join(words[:end], " ")
			help, ok := helps[command]
			if !ok {
				help = helpOf(t, binary, words[:end])
				helps[command] = help
			}
			if !strings.Contains(help, "tokrelay "+command) {
				t.Errorf("%s: %q is not a command", page, line)
				continue
			}
			for _, w := range words[end:] {
				if f := flags.FindString(w); f != "" && !strings.Contains(help, f+" ") && !strings.Contains(help, f+",") {
					t.Errorf("%s: %q: no flag %s", page, line, f)
				}
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("%d commands found: the test looks at nothing", checked)
	}
}

// helpOf is the help of a command, without the list of those below it; empty when there is no such command.
func helpOf(t *testing.T, binary string, words []string) string {
	out, err := exec.CommandContext(t.Context(), binary, append(slices.Clone(words), "--help")...).CombinedOutput()
	if err != nil {
		return ""
	}
	help, _, _ := strings.Cut(string(out), "Use \"tokrelay")
	return help
}

// TestTheReadmeListsEveryCommand compares its table with the help.
func TestTheReadmeListsEveryCommand(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), binaryOf(t, "../cmd/tokrelay"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(out), "Available Commands:\n")
	list, _, _ := strings.Cut(after, "\n\n")
	_, table, _ := strings.Cut(read(t, "../README.md"), "\n## Commands\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" && !strings.Contains(table, "`tokrelay "+name+"`") {
			t.Errorf("the README's table has no %s", name)
		}
	}
}

func TestLinksInTheDocsLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range links.FindAllStringSubmatch(read(t, page), -1) {
			target := filepath.Join(filepath.Dir(page), m[1])
			if found, err := filepath.Glob(target); err != nil || len(found) != 1 {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
			}
		}
	}
}
