package settings

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) shop {
	t.Helper()
	var s shop
	if err := Load([]byte(text), &s, lookup()).Err(); err != nil {
		t.Fatalf("got %v, want no problems", err)
	}
	return s
}

func TestValuesBecomeWhatTheFieldsAre(t *testing.T) {
	s := load(t, `
kafka:
  brokers: [a:9092, "b:9092"]
  tls: {ca_file: /ca.pem, insecure_skip_verify: true}
connections:
  main: {advertiser_id: 7000000000000000001}
limits: {calls: 0x10, small: -128, count: 65535, rate: 1e3, wait: 1d12h, memory: 1.5MiB, shrink: 12.5%, enabled: true}
labels: {a: [1, 2.5, x, null, true], b: {c: 010}}
syncs:
  - name: "on"
    start: latest
    topics: [x, y]
    fields: {on: no, 1: {column: c, default: 3}}
`)
	want := shop{}
	want.Kafka.Brokers, want.Kafka.Group = []string{"a:9092", "b:9092"}, "tokrelay"
	want.Kafka.TLS = &tlsPart{CAFile: "/ca.pem", Insecure: Insecure{SkipVerify: true}}
	want.Connections = map[string]connection{"main": {AdvertiserID: "7000000000000000001"}}
	want.Limits = limits{Calls: 16, Small: -128, Count: 65535, Rate: 1000, Wait: Duration(36 * time.Hour),
		Memory: 3 << 19, Shrink: 0.125, Enabled: true}
	want.Labels = map[string]any{"a": []any{int64(1), 2.5, "x", nil, true}, "b": map[string]any{"c": "010"}}
	want.Syncs = []sync{{Name: "on", Start: "latest", Topics: list{"x", "y"},
		Fields: map[string]field{"on": {Column: "no"}, "1": {Column: "c", Default: "3"}}}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestWhatTheTextLeavesOutKeepsItsDefault(t *testing.T) {
	var s shop
	s.Kafka.Group, s.Limits.Calls, s.Limits.Wait = "tokrelay", 10, Duration(time.Minute)
	s.Kafka.TLS = &tlsPart{CAFile: "x"}
	r := Load([]byte("kafka: {group: , tls: ~}\nlimits: {calls: null, wait: }\n"), &s, Lookup{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if s.Kafka.Group != "tokrelay" || s.Limits.Calls != 10 || s.Limits.Wait.Std() != time.Minute || s.Kafka.TLS != nil {
		t.Errorf("got %+v, want the defaults, and no tls", s)
	}
}

func TestReferencesAreReplacedInScalars(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"variable", "${NAME}", "0123"},
		{"marks of YAML in a value survive", "${TOKEN}", "s3cret#with:marks$$"},
		{"inside text", "'a-${PORT}-${PORT}'", "a-9092-9092"},
		{"default of a missing one", "${MISSING:-fallback}", "fallback"},
		{"default of an empty one", "${EMPTY:-fallback}", "fallback"},
		{"empty default", "${MISSING:-}", ""},
		{"default with marks", "'${MISSING:-a:b#c}'", "a:b#c"},
		{"an empty variable is set", "${EMPTY}", ""},
		{"file loses one newline", "${file:token}", "from-a-file"},
		{"file loses only one newline", "${file:two}", "two newlines\n"},
		{"doubled dollar", "'$${NAME} $$'", "${NAME} $"},
		{"dollar alone", "'^a$'", "^a$"},
		{"dollar before a letter", "pa$word", "pa$word"},
		{"replaced text is not looked at again", "'${TOKEN}${TOKEN}'", "s3cret#with:marks$$s3cret#with:marks$$"},
		{"block text", "|\n   line ${PORT}\n", "line 9092\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := load(t, "connections:\n main:\n  base_url: "+c.in)
			if got := s.Connections["main"].BaseURL; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAReplacedScalarIsANumberWhereANumberIsAskedFor(t *testing.T) {
	s := load(t, `limits: {calls: "${PORT}", count: "${file:number}", rate: "${RATE}", enabled: "${YES}", wait: "${WAIT}"}`)
	want := limits{Calls: 9092, Count: 42, Rate: 2.5, Enabled: true, Wait: Duration(5 * time.Minute)}
	if s.Limits != want {
		t.Errorf("got %+v, want %+v", s.Limits, want)
	}
}

func TestAColonWithoutASpaceIsPartOfTheText(t *testing.T) {
	s := load(t, `{kafka: {brokers: [a:9092, http://b:1/c]}, connections: {m: {base_url: http://d:2}}}`)
	got := append(s.Kafka.Brokers, s.Connections["m"].BaseURL)
	if want := []string{"a:9092", "http://b:1/c", "http://d:2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeysAreNotReplaced(t *testing.T) {
	s := load(t, `labels: {"${PORT}": "${PORT}"}`)
	if got := s.Labels["${PORT}"]; got != "9092" {
		t.Errorf("got %v, want text 9092 under the key as written", s.Labels)
	}
}

func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("x-0: &a0 [1,1,1,1,1,1,1,1,1,1]\n")
	for i := 1; i < 12; i++ {
		name, below := itoa(i), itoa(i-1)
		b.WriteString("x-" + name + ": &a" + name + " [" + strings.Repeat("*a"+below+",", 10) + "]\n")
	}
	b.WriteString("labels: {a: *a11}\n")
	var s shop
	err := Load([]byte(b.String()), &s, Lookup{}).Err()
	if err == nil || !strings.Contains(err.Error(), "aliases multiply") {
		t.Errorf("got %v, want a problem about aliases", err)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"brackets": "labels: " + strings.Repeat("[", 100_000),
		"braces":   strings.Repeat("{a: ", 100_000),
		"dashes":   strings.Repeat("- ", 100_000) + "a",
		"keys":     strings.Repeat("? ", 100_000) + "a",
		"anchors":  strings.Repeat("&a ", 100_000) + "a",
		"tags":     strings.Repeat("!!str ", 100_000) + "a",
	} {
		t.Run(name, func(t *testing.T) {
			var s shop
			err := Load([]byte(text), &s, Lookup{}).Err()
			if err == nil {
				t.Errorf("got %v, want it refused", err)
			}
		})
	}
}

func TestALargeMapIsReadInTimeThatGrowsWithItsSize(t *testing.T) {
	var b strings.Builder
	b.WriteString("labels:\n")
	for i := range 50_000 {
		b.WriteString(" k" + itoa(i) + ": 1\n")
	}
	if got := len(load(t, b.String()).Labels); got != 50_000 {
		t.Errorf("got %d keys, want 50000", got)
	}
}

func TestALargeTextIsRefused(t *testing.T) {
	var s shop
	err := Load([]byte(strings.Repeat("#", maxText+1)), &s, Lookup{}).Err()
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v, want it refused", err)
	}
}

func TestWarningsAreNoError(t *testing.T) {
	var r Report
	Root(&r).Key("a").Warn("worth a word", "")
	if r.Err() != nil || len(r.Problems()) != 1 || !r.Problems()[0].Warning {
		t.Errorf("got %v and %v, want one warning and no error", r.Problems(), r.Err())
	}
	Root(&r).Key("a").Index(2).Problem("required", "say it")
	if got, want := r.Err().Error(), "error: a[2]: required (say it)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPlaceKnowsWhetherItIsInTheText(t *testing.T) {
	var s shop
	at := Root(Load([]byte("limits: {calls: 0}\nsyncs: [{name: a}]\n"), &s, Lookup{}))
	for path, c := range map[string]struct {
		at   Place
		want bool
	}{
		"limits.calls": {at.Key("limits").Key("calls"), true},
		"limits.rate":  {at.Key("limits").Key("rate"), false},
		"kafka.group":  {at.Key("kafka").Key("group"), false},
		"syncs[0]":     {at.Key("syncs").Index(0), true},
		"syncs[1]":     {at.Key("syncs").Index(1), false},
	} {
		if got := c.at.given; got != c.want || c.at.String() != path {
			t.Errorf("%s: got %v at %s, want %v", path, got, c.at, c.want)
		}
	}
}

func TestTheNearestWordIsOffered(t *testing.T) {
	known := []string{"access_token", "advertiser_id", "base_url", "id", "user.email"}
	for word, want := range map[string]string{
		"acess_token":   "access_token",
		"accestoken":    "access_token",
		"advertiser-id": "advertiser_id",
		"AdvertiserId":  "advertiser_id",
		"baseurl":       "base_url",
		"token":         "access_token",
		"user.emial":    "user.email",
		"email":         "user.email",
		"di":            "id",
		"zzz":           "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
