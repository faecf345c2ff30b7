package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// meantZeros are the keys where zero means something, and what their descriptions have to say about it. Everywhere else
// it is refused.
var meantZeros = map[string]string{
	"schema_registry.missing_retry":             "0s asks once",
	"connections.main.limits.pixel":             "0 is no limit",
	"connections.main.limits.advertiser":        "0 is no limit",
	"dead_letter.partitions":                    "0: as many as",
	"dead_letter.replication":                   "0: 3, or as many as there are brokers",
	"syncs[0].rejected_share.share":             "0% allows none",
	"syncs[0].retry.give_up_after":              "0 never does",
	"syncs[0].web_events.max_age":               "0s for no limit",
	"syncs[0].web_events.batch.linger":          "0s does not wait",
	"syncs[1].audience_segment.batch.linger":    "0s does not wait",
	"syncs[2].audience_file.guard.max_shrink":   "0% lets none shrink",
	"syncs[2].audience_file.guard.max_rejected": "0% allows none",
	"syncs[2].audience_file.retention_in_days":  "0: a year after",
}

func TestAZeroIsTakenAsWrittenOrRefused(t *testing.T) {
	seen := 0
	for _, q := range quantities(t) {
		says, meant := meantZeros[q.path]
		c, problems := q.set(t, q.unit.zero)
		switch {
		case !meant && problems[q.path] == "":
			t.Errorf("%s: %v: got problems %v, want one there that says what to do", q.path, q.unit.zero, problems)
		case meant && len(problems) > 0:
			t.Errorf("%s: %v: got problems at %v, want none", q.path, q.unit.zero, problems)
		case meant && fmt.Sprint(at(effective(t, c), q.path)) != fmt.Sprint(q.unit.zero):
			t.Errorf("%s: %v takes effect as %v", q.path, q.unit.zero, at(effective(t, c), q.path))
		case meant && !strings.Contains(q.doc, says):
			t.Errorf("%s: the description %q does not say what zero means: %s", q.path, q.doc, says)
		}
		if meant {
			seen++
		}
	}
	if seen != len(meantZeros) {
		t.Errorf("met %d keys where zero has a meaning, want %d", seen, len(meantZeros))
	}
}

func TestNoQuantityIsNegative(t *testing.T) {
	for _, q := range quantities(t) {
		_, problems := q.set(t, q.unit.negative)
		if _, refused := problems[q.path]; !refused {
			t.Errorf("%s: %v: got problems %v, want one there", q.path, q.unit.negative, problems)
		}
	}
}

func TestAnEmptyTextIsNoDefault(t *testing.T) {
	met := 0
	for _, k := range keys(t) {
		if _, text := k.schema["default"].(string); !text || k.form || k.unit != (unit{}) {
			continue
		}
		met++
		_, problems := k.set(t, "")
		if _, refused := problems[k.path]; !refused {
			t.Errorf("%s: empty: got problems %v, want one there", k.path, problems)
		}
	}
	if met < 15 {
		t.Errorf("met %d texts with a default, want those of every section", met)
	}
}

func TestWhatIsLeftOutTakesEffectAsTheSchemaSays(t *testing.T) {
	c, problems := parse(t, example(t))
	if len(problems) > 0 {
		t.Fatalf("got problems at %v in the example", problems)
	}
	got, set, met := effective(t, c), example(t), 0
	for _, k := range keys(t) {
		want, has := k.schema["default"]
		if !has || k.form || at(set, k.path) != nil || at(got, parent(k.path)) == nil {
			continue
		}
		met++
		if fmt.Sprint(at(got, k.path)) != fmt.Sprint(want) && !k.sameSize(at(got, k.path), want) {
			t.Errorf("%s: got %v, want %v", k.path, at(got, k.path), want)
		}
	}
	if met < 40 {
		t.Errorf("met %d defaults, want those of every section", met)
	}
}

// key is one setting of the schema, at a place in the example where it can be.
type key struct {
	path   string
	schema map[string]any
	doc    string
	unit   unit
	form   bool // in one of the forms that a value there may have
}

// unit is how a number of things, a duration, a size or a share is written.
type unit struct{ zero, negative any }

var (
	count    = unit{int64(0), int64(-1)}
	duration = unit{"0s", "-1s"}
	size     = unit{"0", "-1"}
	percent  = unit{"0%", "-1%"}
)

// quantities are the keys that take a number, a duration, a size or a share.
func quantities(t *testing.T) (list []key) {
	for _, k := range keys(t) {
		if k.unit != (unit{}) {
			list = append(list, k)
		}
	}
	if len(list) < 45 {
		t.Fatalf("found %d keys that take a quantity, want those of every section", len(list))
	}
	return list
}

func keys(t *testing.T) (list []key) {
	t.Helper()
	text, err := json.Marshal(settings.Schema(Config{}))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	walk(schema, "", example(t), func(k key) { list = append(list, k) })
	return list
}

// walk tells of the keys under a path, in every form that a value there may have.
func walk(schema map[string]any, path string, example any, tell func(key)) {
	for _, forms := range []string{"anyOf", "oneOf"} {
		list, _ := schema[forms].([]any)
		for _, form := range list {
			walk(form.(map[string]any), path, example, func(k key) { k.form = true; tell(k) })
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p, here := properties[name].(map[string]any), path
		if path == "syncs[]" {
			here = fmt.Sprintf("syncs[%d]", syncWith(example, name))
		}
		at := strings.TrimPrefix(here+"."+name, ".")
		doc, _ := p["description"].(string)
		tell(key{path: at, schema: p, doc: doc, unit: unitOf(p)})
		if items, ok := p["items"].(map[string]any); ok {
			walk(items, at+"[]", example, tell)
		}
		if values, ok := p["additionalProperties"].(map[string]any); ok {
			walk(values, at+".main", example, tell)
		}
		walk(p, at, example, tell)
	}
}

// syncWith is the sync of the example that has a key, or the first.
func syncWith(example any, name string) int {
	return max(0, slices.IndexFunc(example.(map[string]any)["syncs"].([]any), func(s any) bool { return s.(map[string]any)[name] != nil }))
}

func unitOf(schema map[string]any) unit {
	pattern, _ := schema["pattern"].(string)
	switch kind := fmt.Sprint(schema["type"]); {
	case pattern == settings.Duration(0).JSONSchema()["pattern"]:
		return duration
	case pattern == settings.Size(0).JSONSchema()["pattern"]:
		return size
	case pattern == settings.Percent(0).JSONSchema()["pattern"]:
		return percent
	case strings.Contains(kind, "boolean"):
		return unit{} // any value of a column
	case strings.Contains(kind, "integer"), strings.Contains(kind, "number"):
		return count
	}
	return unit{}
}

// sameSize: 50MB is printed in bytes.
func (k key) sameSize(a, b any) bool {
	var sizes struct {
		A settings.Size `yaml:"a"`
		B settings.Size `yaml:"b"`
	}
	report := settings.Load(fmt.Appendf(nil, "{a: %q, b: %q}", a, b), &sizes, settings.Lookup{})
	return k.unit == size && report.Err() == nil && sizes.A == sizes.B
}

// set is the example with this key set, and the paths where something is wrong with it, with what to do about it.
func (k key) set(t *testing.T, value any) (*Config, map[string]string) {
	t.Helper()
	tree := example(t)
	put(tree, k.path, value)
	return parse(t, tree)
}

func parse(t *testing.T, tree map[string]any) (*Config, map[string]string) {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	c, report := Parse(text, settings.Lookup{})
	problems := map[string]string{}
	for _, p := range report.Problems() {
		if !p.Warning {
			problems[p.Path] = p.Hint
		}
	}
	return c, problems
}

func example(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, text)
}

func effective(t *testing.T, c *Config) map[string]any {
	t.Helper()
	return tree(t, settings.Effective(c))
}

func tree(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var top struct {
		All map[string]any `yaml:"all"`
	}
	indented := "all:\n  " + strings.ReplaceAll(string(text), "\n", "\n  ")
	if err := settings.Load([]byte(indented), &top, settings.Lookup{}).Err(); err != nil {
		t.Fatal(err)
	}
	return top.All
}

// steps are the keys and indexes of a path.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }

// at is what is under a path, nil where there is nothing.
func at(tree any, path string) any {
	for _, step := range steps(path) {
		switch of := tree.(type) {
		case map[string]any:
			tree = of[step]
		case []any:
			var i int
			fmt.Sscan(step, &i)
			tree = of[i]
		default:
			return nil
		}
	}
	return tree
}

// put sets what is under a path, and makes the maps it lacks.
func put(tree map[string]any, path string, value any) {
	to, key := parent(path), path[strings.LastIndexByte(path, '.')+1:]
	if to == "" {
		tree[key] = value
		return
	}
	if _, ok := at(tree, to).(map[string]any); !ok {
		put(tree, to, map[string]any{})
	}
	at(tree, to).(map[string]any)[key] = value
}
