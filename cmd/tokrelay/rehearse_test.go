package main

import (
	"strings"
	"testing"
)

func TestARehearsalThatMakesNoSenseIsAMistakeOfUsage(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	path := write(t, text)
	other := write(t, strings.ReplaceAll(text, "name: purchases", "name: orders"))
	for what, args := range map[string][]string{
		"no share":                  {"--max-rejected", "lots"},
		"more than all":             {"--max-rejected", "101%"},
		"nothing to differ from":    {"--fail-on-difference"},
		"no time":                   {"--since", "tomorrow"},
		"no such sync in the other": {"--against", other},
		"no sync chosen":            {"--sync", ""},
	} {
		if _, _, code := tokrelay(t, "", append([]string{"rehearse", "-c", path, "--sync", "purchases"}, args...)...); code != exitUsage {
			t.Errorf("%s: exit code %d, want %d", what, code, exitUsage)
		}
	}
}
