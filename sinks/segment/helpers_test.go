package segment

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// loaded is a Config written as a user writes it.
func loaded(t testing.TB, text string) Config {
	t.Helper()
	var cfg Config
	report := settings.Load([]byte(text), &cfg, settings.Lookup{})
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return cfg
}
