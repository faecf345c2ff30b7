package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestConfigurationsGetTheirProblems runs every file of testdata/config: next to it stands what `check` says of it.
func TestConfigurationsGetTheirProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			config := syncConfig{}
			report := settings.Load([]byte(readFile(t, file)), &config, settings.Lookup{})
			config.WebEvents.Validate(settings.Root(report).Key("web_events"))
			var got strings.Builder
			for _, p := range report.Problems() {
				got.WriteString(p.String() + "\n")
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".problems", got.String())
		})
	}
}

// TestEffectiveConfigurationsReadBack holds what is printed of a configuration to what it was made of.
func TestEffectiveConfigurationsReadBack(t *testing.T) {
	files, _ := filepath.Glob("testdata/rows/*/config.yaml")
	for _, file := range append(files, "testdata/config/good.yaml") {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			first, second := syncConfig{}, syncConfig{}
			load(t, readFile(t, file), &first)
			text := string(settings.Effective(first))
			load(t, text, &second)
			if again := string(settings.Effective(second)); again != text {
				t.Errorf("printed\n%s\nwhich reads as\n%s", text, again)
			}
		})
	}
}

func load(t *testing.T, text string, into *syncConfig) {
	t.Helper()
	report := settings.Load([]byte(text), into, settings.Lookup{})
	into.WebEvents.Validate(settings.Root(report).Key("web_events"))
	if err := report.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func TestTheSchemaNamesEveryField(t *testing.T) {
	text, err := json.Marshal(settings.Schema(Config{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		if !strings.Contains(string(text), `"`+s.name+`"`) {
			t.Errorf("the schema has no %s", s.name)
		}
	}
}

func TestACurrencyFileTakesThePlaceOfTheList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "currencies.txt")
	if err := os.WriteFile(path, []byte("# ours\ndate: 2027-01-31\nXYZ, EUR\nUSD # dollars\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := syncConfig{}
	load(t, readFile(t, "testdata/rows/currencies/config.yaml"), &config)
	config.WebEvents.CurrencyFile = path
	s := &testSync{}
	plan, err := New(config.WebEvents, &s.columns, func() time.Time { return caseNow }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for currency, want := range map[string]string{"xyz": "", "GBP": "a currency code of TikTok's list of 2027-01-31"} {
		err := plan.Maker().Make(&s.items, 0, readChange(t, &s.columns, `{"id":"x1","c":"`+currency+`"}`))
		if got := ""; err != nil != (want != got) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", currency, err, want)
		}
	}
}

func TestACurrencyFileMustBeOne(t *testing.T) {
	for name, text := range map[string]string{
		"no date": "EUR USD", "a name": "date: 2027-01-31\nEuro", "nothing": "date: 2027-01-31\n", "no such day": "date: 2027-02-30\nEUR",
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := readCurrencyFile(path); err == nil {
			t.Errorf("%s: got %v, want an error", name, list)
		}
	}
}

func TestNewRefusesWhatValidateRefuses(t *testing.T) {
	if _, err := New(settings.WithDefaults(Config{}), &mapping.Columns{}, time.Now, nil); err == nil || !strings.Contains(err.Error(), "pixel_code: required") {
		t.Errorf("got %v, want the problems of an empty configuration", err)
	}
}

func TestEveryFieldHasAMeaning(t *testing.T) {
	for _, s := range specs {
		if meanings[s.name] == "" {
			t.Errorf("%s has none", s.name)
		}
	}
	if len(meanings) != len(specs)+1 { // event_time is not a spec
		t.Errorf("%d meanings for %d fields", len(meanings), len(specs)+1)
	}
}

func TestAFileOfCurrenciesIsReadAgainAndABrokenOneChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "currencies.txt")
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("date: 2026-10-01\nUSD")
	p := &Plan{cfg: Config{CurrencyFile: path}}
	for _, step := range []struct {
		file      string
		fails     bool
		usd, xyz  bool
		rulesDate string
	}{{"date: 2026-10-01\nUSD", false, true, false, "2026-10-01"}, {"date: 2026-11-01\nXYZ", false, false, true, "2026-11-01"}, {"broken", true, false, true, "2026-11-01"}} {
		put(step.file)
		if err := p.ReadCurrencies(); (err != nil) != step.fails {
			t.Errorf("%q: got %v", step.file, err)
		}
		m := &Maker{plan: p}
		if m.knownCurrency([]byte("usd")) != step.usd || m.knownCurrency([]byte("XYZ")) != step.xyz || !strings.Contains(p.currencies.Load().rule(), step.rulesDate) {
			t.Errorf("%q: knows USD %t and XYZ %t by %s", step.file, m.knownCurrency([]byte("USD")), m.knownCurrency([]byte("XYZ")), p.currencies.Load().rule())
		}
	}
}
