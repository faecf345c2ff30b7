package segment

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func problems(text string) (list []string) {
	var cfg Config
	report := settings.Load([]byte(text), &cfg, settings.Lookup{})
	cfg.Validate(settings.Root(report))
	for _, p := range report.Problems() {
		list = append(list, p.Path+": "+p.Rule)
	}
	return list
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	got := problems(`
audience: {name: A, id: "1"}
identifiers: {EMAIL_SHA256: {value: x}, PHONE_SHA: phone}
hash: {GAID_MD5: raw, EMAIL_SHA256: clear}
default_country: Germany
member_when: "opted_in =="
advertiser_ids: ["12x"]
batch: {max_users: 20000, linger: 2m}
read_back: 1s
`)
	for _, want := range []string{
		"audience: takes name or id, not both",
		"identifiers.EMAIL_SHA256.value: must not be the same for every row",
		"identifiers.PHONE_SHA: unknown key",
		"hash.GAID_MD5: has no identifier of that type beside it",
		"hash.EMAIL_SHA256: must be one of auto, raw, hashed",
		"default_country: must be a country code of two letters",
		"member_when: ",
		"advertiser_ids[0]: must be digits in quotes",
		"batch.max_users: must be between 1 and 10000",
		"batch.linger: must be between 0s and 1m",
		"read_back: must be at least 1m",
	} {
		if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, want) }) {
			t.Errorf("missing %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestWhatIsRequiredIsAskedFor(t *testing.T) {
	got := problems("batch: {}")
	for _, want := range []string{"audience: required: name, id or column", "identifiers: required: at least one type"} {
		if !slices.Contains(got, want) {
			t.Errorf("missing %q in %v", want, got)
		}
	}
}

func TestAConfigurationIsPrintedAsItWasWritten(t *testing.T) {
	for name, text := range map[string]string{
		"by name":       "audience:\n  name: Newsletter\nidentifiers:\n  EMAIL_SHA256:\n    column: email\n",
		"by the row":    "audience:\n  column: lists\n  separator: ','\n  by: id\nidentifiers:\n  EMAIL_SHA256:\n    column: email\n",
		"with settings": "audience:\n  id: \"7\"\nidentifiers:\n  PHONE_SHA256:\n    column: phone\nhash:\n  PHONE_SHA256: raw\nmember_when: opted_in\nbatch:\n  max_users: 500\n  linger: 0s\n",
	} {
		t.Run(name, func(t *testing.T) {
			first := loaded(t, text)
			printed := settings.Effective(first)
			if again := settings.Effective(loaded(t, string(printed))); string(again) != string(printed) {
				t.Errorf("got\n%s\nthen\n%s", printed, again)
			}
		})
	}
}

func TestDefaultsAreThoseOfTheDocumentation(t *testing.T) {
	cfg := loaded(t, "audience: {name: A}\nidentifiers: {EMAIL_SHA256: email}")
	if cfg.Batch.MaxUsers != 1000 || cfg.Batch.Linger.Std() != time.Second || cfg.ReadBack.Std() != 15*time.Minute {
		t.Errorf("got %d, %s, %s, want 1000, 1s, 15m", cfg.Batch.MaxUsers, cfg.Batch.Linger, cfg.ReadBack)
	}
}
