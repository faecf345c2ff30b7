package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tokrelay/tokrelay/"

// vocabulary are the packages every step and sink may use.
var vocabulary = []string{"pipeline", "pipeline/settings", "pipeline/metrics", "pipeline/identity", "pipeline/mapping", "pipeline/tracing", "pipeline/jsontext", "pipeline/reach"}

// homes says which packages may import an outside library: each has one home. cmd joins them and may import all.
var homes = map[string][]string{
	"github.com/twmb/franz-go":                  {"pipeline/kafka", "pipeline/cdc/registry"}, // registry: its client, pkg/sr
	"github.com/ThreeDotsLabs/watermill":        {"pipeline/router"},
	"github.com/linkedin/goavro":                {"pipeline/cdc"},
	"go.yaml.in/yaml":                           {"pipeline/settings"},
	"github.com/expr-lang/expr":                 {"pipeline/mapping"},
	"github.com/nyaruka/phonenumbers":           {"pipeline/identity"},
	"github.com/prometheus/client_golang":       {"pipeline/metrics", "pipeline/kafka", "pipeline/cdc", "pipeline/router", "pipeline/delivery", "pipeline/deadletter", "pipeline/state", "pipeline/calls", "sinks"}, // each package owns its metrics
	"go.opentelemetry.io/otel":                  {"pipeline/tracing"},
	"github.com/cockroachdb/pebble":             {"pipeline/state", "sinks/audiencefile"},
	"github.com/spf13/cobra":                    {},
	"github.com/tokrelay/tokrelay/sinks/tiktok": {"sinks/tiktok", "sinks/audience", "sinks/events", "sinks/segment", "sinks/audiencefile"},
}

func TestImportsPointOneWay(t *testing.T) {
	for pkg, imports := range packages(t) {
		for _, imported := range imports {
			if strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "deploy/") {
				continue
			}
			if why := forbidden(pkg, imported); why != "" {
				t.Errorf("%s imports %s: %s", pkg, imported, why)
			}
		}
	}
}

func forbidden(pkg, imported string) string {
	for library, allowed := range homes {
		if strings.HasPrefix(imported, library) && !slices.ContainsFunc(allowed, func(home string) bool { return within(pkg, home) }) {
			return "that library lives elsewhere"
		}
	}
	own, ok := strings.CutPrefix(imported, module)
	switch {
	case !ok && pkg == "pipeline" && strings.Contains(imported, "."):
		return "pipeline imports the standard library alone"
	case within(own, "pipeline/cdc") && within(pkg, "pipeline/cdc"):
		return "" // rows know schemas and how to read them
	case !ok || within(own, pkg) || within(pkg, own) && own != "pipeline" || slices.Contains(vocabulary, own):
		return ""
	case (within(own, "sinks/tiktok") || within(own, "sinks/audience")) && within(pkg, "sinks"):
		return ""
	case strings.HasPrefix(own, "cmd/"):
		return "only cmd knows cmd"
	}
	return "steps and sinks do not know each other; cmd joins them"
}

// within reports whether a package is home or below it.
func within(pkg, home string) bool { return pkg == home || strings.HasPrefix(pkg, home+"/") }

// packages lists what each package of the module imports, tests left out.
func packages(t *testing.T) map[string][]string {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	list := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		list[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	if len(list) < 10 {
		t.Fatalf("go list names %d packages; the test looks at nothing", len(list))
	}
	return list
}
