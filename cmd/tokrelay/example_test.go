package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commented are the settings that the example shows behind a #.
var commented = regexp.MustCompile(`^ *# (-|[a-z_]+:)`)

// Each of the example's settings behind a # is valid without it.
func TestEveryCommentedSettingOfTheExampleIsValid(t *testing.T) {
	for _, name := range []string{"KAFKA_PASSWORD", "REGISTRY_PASSWORD", "SLACK_WEBHOOK", "HOSTNAME"} {
		t.Setenv(name, "https://hooks.example/1")
	}
	lines := strings.Split(string(example), "\n")
	tried := 0
	for i, line := range lines {
		if !commented.MatchString(line) || strings.Contains(line, "# -") {
			continue
		}
		tried++
		config := slices.Clone(lines)
		for j := i; j == i || j < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[j]), "#   -"); j++ {
			config[j] = strings.Replace(lines[j], "# ", "", 1)
		}
		config = without(config, i)
		text := strings.ReplaceAll(strings.Join(config, "\n"), "${file:/run/secrets/kafka}", "${KAFKA_PASSWORD}")
		if _, errs, code := tokrelay(t, "", "check", "-c", write(t, text)); code != exitDone || strings.Contains(errs, "error") {
			t.Errorf("line %d, %s:\n%s", i+1, strings.TrimSpace(line), errs)
		}
	}
	if tried < 12 {
		t.Errorf("%d settings were tried; the test looks at nothing", tried)
	}
}

// without changes what the setting at a line takes the place of.
func without(config []string, at int) []string {
	for setting, change := range map[string][2]string{
		"access_token_file:": {"    access_token:", "    # access_token:"},
		"exclude_topics:":    {"    topic:", "    topic_pattern:"},
	} {
		for j := at; strings.Contains(config[at], setting) && j > 0; j-- {
			if strings.HasPrefix(config[j], change[0]) {
				config[j] = strings.Replace(config[j], change[0], change[1], 1)
				break
			}
		}
	}
	return config
}
