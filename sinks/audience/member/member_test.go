package member

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// sink is the part of a sink's configuration that matters here.
type sink struct {
	IDs Identifiers `yaml:"ids"`
	Rules
}

func load(text string) (c sink, problems []string) {
	report := settings.Load([]byte(text), &c, settings.Lookup{})
	Validate("ids", &c.IDs, &c.Rules, settings.Root(report))
	for _, p := range report.Problems() {
		problems = append(problems, p.String())
	}
	return c, problems
}

// compiled are the Readers of a configuration, and the shape of the rows they read.
func compiled(t *testing.T, text string) ([]Reader, *pipeline.Shape) {
	t.Helper()
	c, problems := load(text)
	if problems != nil {
		t.Fatalf("configuration: %v", problems)
	}
	cols := &mapping.Columns{}
	m, err := Compile("ids", &c.IDs, &c.Rules, cols)
	if err != nil {
		t.Fatal(err)
	}
	shape := &pipeline.Shape{}
	shape.Names, _ = cols.Wanted()
	return m.Readers, shape
}

// placeholder is the rejection of a value that names nobody.
type placeholder struct{ *pipeline.Rejection }

// digests are what a Reader makes of a row, in hexadecimal digits.
func digests(r *Reader, shape *pipeline.Shape, values ...pipeline.Value) (list []string, err error) {
	row := mapping.NewRow(time.Now)
	row.Begin(&pipeline.Change{Op: pipeline.Insert, Shape: shape, After: pipeline.Image{Present: true, Values: values}})
	d := Digests{}
	hashes, err := d.Of(r, row)
	for _, h := range hashes {
		list = append(list, string(h.AppendHex(nil)))
	}
	if d.Placeholder != nil {
		return list, placeholder{d.Placeholder}
	}
	return list, err
}

func text(s string) pipeline.Value { return pipeline.StringValue([]byte(s)) }

func TestKindsAreTheTypesOfAudiencesInTheirOrder(t *testing.T) {
	readers, shape := compiled(t, "ids: {EMAIL_SHA256: c, PHONE_SHA256: c, IDFA_SHA256: c, IDFA_MD5: c, GAID_SHA256: c, GAID_MD5: c}")
	var names []string
	for i, r := range readers {
		names = append(names, r.Kind.Name())
		digest := hex.EncodeToString(slices.Repeat([]byte{0xab}, r.Kind.Size()))
		got, err := digests(&r, shape, text(digest))
		if int(r.Kind) != i || r.Field != "ids."+r.Kind.Name() || err != nil || !slices.Equal(got, []string{digest}) {
			t.Errorf("%s: got kind %d, %s, %v and %v, want kind %d and the digest as it came", r.Kind.Name(), r.Kind, r.Field, got, err, i)
		}
	}
	if want := identity.AudienceTypes(); !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestEveryProblemIsReportedUnderTheSinksOwnWord(t *testing.T) {
	_, got := load(`ids: {EMAIL_SHA256: {value: x}}
hash: {GAID_MD5: raw}
default_country: Germany
member_when: "a =="`)
	want := []string{
		"1:22: error: ids.EMAIL_SHA256.value: must not be the same for every row",
		"2:8: error: hash.GAID_MD5: has no identifier of that type beside it (map it under ids, or leave it out)",
		"3:1: error: default_country: must be a country code of two letters (US)",
	}
	if len(got) != 4 || !slices.Equal(got[:3], want) {
		t.Errorf("got %q, want %q and one of member_when", got, want)
	}
}

func TestAnyTellsWhetherSomethingIsMapped(t *testing.T) {
	none, _ := load("strip_dots: true")
	last, _ := load("ids: {GAID_MD5: gaid}")
	if none.IDs.Any() || !last.IDs.Any() {
		t.Errorf("got %v without identifiers and %v with one, want false and true", none.IDs.Any(), last.IDs.Any())
	}
}

func TestThePhonesCountryIsTheRowsThenTheFieldsThenTheSyncs(t *testing.T) {
	hash := func(e164 string) string {
		h, err := identity.Phone{}.Hash([]byte(e164))
		if err != nil {
			t.Fatal(err)
		}
		return string(h.AppendHex(nil))
	}
	british, american := hash("+442079460958"), hash("+12079460958")
	for _, c := range []struct{ name, config, number, country, want string }{
		{"the sync's", "ids: {PHONE_SHA256: phone}\ndefault_country: GB", "020 7946 0958", "", british},
		{"the field's", "ids: {PHONE_SHA256: {column: phone, default_country: GB}}\ndefault_country: US", "020 7946 0958", "", british},
		{"the row's", "ids: {PHONE_SHA256: {column: phone, default_country: {column: c, default: US}}}", "020 7946 0958", " gb ", british},
		{"none in the row", "ids: {PHONE_SHA256: {column: phone, default_country: {column: c, default: US}}}", "207 946 0958", "", american},
		{"one nobody knows in the row", "ids: {PHONE_SHA256: {column: phone, default_country: {column: c, default: US}}}", "207 946 0958", "Atlantis", american},
	} {
		t.Run(c.name, func(t *testing.T) {
			readers, shape := compiled(t, c.config)
			byName := map[string]pipeline.Value{"phone": text(c.number), "c": text(c.country)}
			var values []pipeline.Value
			for _, name := range shape.Names {
				values = append(values, byName[name])
			}
			if got, err := digests(&readers[0], shape, values...); err != nil || !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %v and %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestARowIsRejectedWithFieldReasonAndRule(t *testing.T) {
	const list = "ids: {EMAIL_SHA256: {column: c, separator: ','}}"
	for _, c := range []struct {
		name, config string
		value        pipeline.Value
		want         pipeline.Rejection
	}{
		{"no address", list, text("ann"), pipeline.Rejection{Stage: pipeline.StageIdentity, Reason: pipeline.InvalidEmail, Rule: identity.RuleNotAnEmail.Error()}},
		{"a rule without a reason of its own", "ids: {EMAIL_SHA256: {column: c, separator: ','}}\nhash: {EMAIL_SHA256: hashed}", text(hex.EncodeToString(make([]byte, 20))), pipeline.Rejection{Stage: pipeline.StageIdentity, Reason: pipeline.InvalidIdentifier, Rule: identity.RuleWrongDigest.Error()}},
		{"a digest that was to be clear text", list + "\nhash: {EMAIL_SHA256: raw}", text(hex.EncodeToString(make([]byte, 32))), pipeline.Rejection{Stage: pipeline.StageIdentity, Reason: pipeline.AlreadyHashed, Rule: identity.RuleAlreadyHashed.Error()}},
		{"no text", list, pipeline.BoolValue(true), pipeline.Rejection{Stage: pipeline.StageIdentity, Reason: pipeline.WrongType, Rule: "text"}},
		{"eleven values", list, text("a@x.org,b@x.org,c@x.org,d@x.org,e@x.org,f@x.org,g@x.org,h@x.org,i@x.org,j@x.org,k@x.org"), pipeline.Rejection{Stage: pipeline.StageIdentity, Reason: pipeline.TooManyElements, Rule: "at most 10 values"}},
		{"a value that was not read", list, pipeline.UnavailableValue(), pipeline.Rejection{Stage: pipeline.StageMap, Reason: pipeline.UnavailableValueInRow, Rule: "a value read from the database"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			readers, shape := compiled(t, c.config)
			got, err := digests(&readers[0], shape, c.value)
			c.want.Field = "ids.EMAIL_SHA256"
			if rejection, ok := err.(*pipeline.Rejection); !ok || *rejection != c.want {
				t.Errorf("got %v and %+v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestAPlaceholderIsNobody(t *testing.T) {
	const device = "00000000-0000-0000-0000-000000000000"
	for _, c := range []struct {
		name, config, value string
		reason              pipeline.Reason
	}{
		{"null", "ids: {EMAIL_SHA256: c}", "null", pipeline.InvalidIdentifier},
		{"a phone of zeros", "ids: {PHONE_SHA256: c}", "0000000000", pipeline.InvalidIdentifier},
		{"a device whose owner opted out", "ids: {IDFA_SHA256: c}", device, pipeline.InvalidIdentifier},
	} {
		t.Run(c.name, func(t *testing.T) {
			readers, shape := compiled(t, c.config)
			_, err := digests(&readers[0], shape, text(c.value))
			if nobody, ok := err.(placeholder); !ok || nobody.Reason != c.reason || nobody.Field != readers[0].Field {
				t.Errorf("got %v, want %s as nobody", err, c.reason)
			}
		})
	}
}

func TestReadingARowDoesNotAllocate(t *testing.T) {
	readers, shape := compiled(t, "ids: {EMAIL_SHA256: email}")
	row, d := mapping.NewRow(time.Now), Digests{}
	change := pipeline.Change{Op: pipeline.Insert, Shape: shape, After: pipeline.Image{Present: true, Values: []pipeline.Value{text("Ann@x.org")}}}
	var hashes []identity.Hash
	var err error
	allocs := testing.AllocsPerRun(200, func() {
		row.Begin(&change)
		hashes, err = d.Of(&readers[0], row)
	})
	if allocs != 0 || err != nil || len(hashes) != 1 {
		t.Errorf("got %v allocations, error %v, %d hashes, want none, nil, 1", allocs, err, len(hashes))
	}
}
