package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func TestASecretNeverPrints(t *testing.T) {
	const clear = "hunter2"
	c := struct {
		S  Secret            `yaml:"s" json:"s"`
		P  *Secret           `yaml:"p" json:"p"`
		M  map[string]Secret `yaml:"m" json:"m"`
		U  string            `yaml:"u" json:"-"`
		In any               `yaml:"in" json:"in"`
	}{S: clear, M: map[string]Secret{"k": clear}, U: "https://user:" + clear + "@host:8081/path?x=1", In: Secret(clear)}
	c.P = &c.S
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3v"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", c.S, c.M)
	}
	asJSON, _ := json.Marshal(c)
	asYAML, _ := yaml.Marshal(struct{ S, P any }{c.S, c.P})
	out.Write(append(append(asJSON, asYAML...), Effective(c)...))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", c.S, "p", c.P, "m", c.M)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", c.S, "in", c.In)
	for _, bad := range []string{clear, fmt.Sprintf("%x", clear), fmt.Sprintf("%X", clear)} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("got the secret in:\n%s", out.String())
		}
	}
	if !strings.Contains(out.String(), "https://[redacted]@host:8081/path?x=1") {
		t.Errorf("got %s, want the rest of the URL", Effective(c))
	}
	if c.S.Reveal() != clear {
		t.Error("got another secret back")
	}
}

func TestProblemsNeverHoldTheValue(t *testing.T) {
	const clear = "hunter2"
	for _, text := range []string{
		"limits: {calls: hunter2}", "limits: {small: hunter2, rate: hunter2, wait: hunter2, memory: hunter2, shrink: hunter2}",
		"kafka: hunter2", "syncs: hunter2", "syncs: [{start: hunter2}]", "connections: {a: {access_token: [hunter2]}}",
		"connections: {a: {access_token: hunter2}}", "connections: {a: {access_token: '${hunter2 x}'}}",
		"limits: {calls: |hunter2", "a: \"hunter2", "a: {hunter2", "limits: {enabled: !!bool hunter2, calls: !!int hunter2, rate: !!float hunter2}", "a: !!null hunter2", "a: @hunter2", "a: `hunter2`", "limits: {enabled: !hunter2 true}", "a: *hunter2",
		"limits: {calls: 99999999999999999999999999}",
	} {
		var s shop
		r := Load([]byte(text), &s, lookup())
		s.Validate(Root(r))
		for _, p := range r.Problems() {
			if strings.Contains(p.String(), clear) || strings.Contains(p.String(), "9999") {
				t.Errorf("%s: got %s", text, p)
			}
		}
	}
}

func TestDurationsReadAndPrintAlike(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "1h30m0s": 90 * time.Minute,
		"28d": 28 * 24 * time.Hour, "1d12h": 36 * time.Hour, "100000d": 100000 * 24 * time.Hour,
	} {
		got, ok := ParseDuration(text)
		again, _ := ParseDuration(Duration(got).String())
		if !ok || got != want || again != want {
			t.Errorf("%s: got %v (%v), printed and read %v, want %v", text, got, ok, again, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 2 * time.Minute: "2m", time.Hour: "1h", 48 * time.Hour: "2d",
		10*time.Minute + 10*time.Second: "10m10s", 10 * time.Hour: "10h", time.Hour + time.Second: "1h0m1s"} {
		if got := Duration(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, text := range []string{"", "30", "-5s", "d", "1.5d", "200000d", "106751d1000h", "5 s", "1w", "-1d", "1d-1h", "1d1d"} {
		if got, ok := ParseDuration(text); ok {
			t.Errorf("%q: got %v, want it refused", text, got)
		}
	}
}

func TestSizesReadAndPrintAlike(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "512": 512, "512B": 512, "64KiB": 64 << 10, "16MiB": 16 << 20, "1.5GiB": 3 << 29, "2TiB": 2 << 40,
		"1kB": 1000, "1KB": 1000, "1MB": 1e6, "1GB": 1e9, "10 MiB": 10 << 20,
	} {
		got, ok := parseSize(text)
		again, _ := parseSize(got.String())
		if !ok || got != want || again != want {
			t.Errorf("%s: got %d (%v), printed and read %d, want %d", text, got, ok, again, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1e3", "0.1B", "16Mib", "16M", "9999999TiB", "1.2.3MB", "NaN", "Inf"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: got %d, want it refused", text, got)
		}
	}
}

func TestPercentsReadAndPrintAlike(t *testing.T) {
	for text, want := range map[string]Percent{"0%": 0, "50%": 0.5, "12.5%": 0.125, "100%": 1, "7%": 0.07, "0": 0} {
		got := Percent(-1)
		var r Report
		(&got).DecodeNode(&Node{kind: String, text: text}, Root(&r))
		if r.Err() != nil || got != want {
			t.Errorf("%s: got %v and %v, want %v", text, float64(got), r.Err(), float64(want))
		}
		if printed := got.String(); text != "0" && printed != text {
			t.Errorf("%s: got %s printed", text, printed)
		}
	}
}
