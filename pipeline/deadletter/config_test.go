package deadletter

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestValidateReportsEveryProblem(t *testing.T) {
	const text = `
rejected_topic: a b
failed_topic: "a b"
payload: some
retention: 1s
partitions: -1
replication: 101
header_budget: 1KiB
`
	var c Config
	report := settings.Load([]byte(text), &c, settings.Vars(nil))
	c.Validate(settings.Root(report))
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	want := "rejected_topic failed_topic failed_topic payload retention partitions replication header_budget"
	if strings.Join(got, " ") != want {
		t.Errorf("problems at: got %v, want %s", got, want)
	}
}

func TestTheDefaultsAreValid(t *testing.T) {
	var c Config
	report := settings.Load([]byte("{}"), &c, settings.Vars(nil))
	c.Validate(settings.Root(report))
	if got := report.Problems(); len(got) > 0 {
		t.Errorf("problems: got %v, want none", got)
	}
	if !c.Create || c.Retention.String() != "14d" {
		t.Errorf("defaults: got create %v, retention %s", c.Create, c.Retention)
	}
}
