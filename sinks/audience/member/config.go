package member

import (
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Identifiers are the fields a person is matched by.
type Identifiers struct {
	Email mapping.Field `yaml:"EMAIL_SHA256" doc:"e-mail address, hashed by SHA-256"`
	Phone mapping.Field `yaml:"PHONE_SHA256" doc:"phone number, hashed by SHA-256"`
	IDFA  mapping.Field `yaml:"IDFA_SHA256" doc:"Apple's advertising id, hashed by SHA-256"`
	IDFA5 mapping.Field `yaml:"IDFA_MD5" doc:"Apple's advertising id, hashed by MD5"`
	GAID  mapping.Field `yaml:"GAID_SHA256" doc:"Google's advertising id, hashed by SHA-256"`
	GAID5 mapping.Field `yaml:"GAID_MD5" doc:"Google's advertising id, hashed by MD5"`
}

// fields are the fields in the order of kinds.
func (i *Identifiers) fields() [Kinds]*mapping.Field {
	return [...]*mapping.Field{&i.Email, &i.Phone, &i.IDFA, &i.IDFA5, &i.GAID, &i.GAID5}
}

// Any reports whether at least one is mapped.
func (i *Identifiers) Any() bool {
	for _, f := range i.fields() {
		if !f.IsZero() {
			return true
		}
	}
	return false
}

// Hash says per identifier what its column holds: clear text (raw), digests (hashed), or either (auto).
type Hash struct {
	Email string `yaml:"EMAIL_SHA256" enum:"auto,raw,hashed"`
	Phone string `yaml:"PHONE_SHA256" enum:"auto,raw,hashed"`
	IDFA  string `yaml:"IDFA_SHA256" enum:"auto,raw,hashed"`
	IDFA5 string `yaml:"IDFA_MD5" enum:"auto,raw,hashed"`
	GAID  string `yaml:"GAID_SHA256" enum:"auto,raw,hashed"`
	GAID5 string `yaml:"GAID_MD5" enum:"auto,raw,hashed"`
}

// modes are the words in the order of kinds.
func (h *Hash) modes() [Kinds]string {
	return [...]string{h.Email, h.Phone, h.IDFA, h.IDFA5, h.GAID, h.GAID5}
}

// Rules say who is a member and how its identifiers are read. A sink's Config embeds them.
type Rules struct {
	Hash              Hash   `yaml:"hash" doc:"what the mapped columns hold"`
	StripPlusTag      bool   `yaml:"strip_plus_tag" doc:"hash ann+shop@x.org as ann@x.org"`
	StripDots         bool   `yaml:"strip_dots" doc:"hash a.nn@x.org as ann@x.org"`
	DefaultCountry    string `yaml:"default_country" doc:"country of phone numbers in national form: US"`
	RequireIdentifier bool   `yaml:"require_identifier" doc:"reject a member's row that has no identifier; without it such a row is skipped, and what is known of the person leaves"`
	MemberWhen        string `yaml:"member_when" doc:"an expression that reports whether a row is a member; without it every row is one until it is deleted"`
}

// Validate reports what is wrong with a sink's identifiers and rules; section is where the identifiers are in its
// configuration. That there are none is the sink's to report.
func Validate(section string, i *Identifiers, r *Rules, at settings.Place) {
	modes := r.Hash.modes()
	for k, f := range i.fields() {
		name := Kind(k).Name()
		switch {
		case !f.IsZero():
			validateField(f, at.Key(section).Key(name))
		case modes[k] != "":
			at.Key("hash").Key(name).Problem("has no identifier of that type beside it", "map it under "+section+", or leave it out")
		}
	}
	mapping.CheckCondition(r.MemberWhen, at.Key("member_when"))
	if _, ok := identity.ParseCountry([]byte(r.DefaultCountry)); r.DefaultCountry != "" && !ok {
		at.Key("default_country").Problem("must be a country code of two letters", "US")
	}
}

func validateField(f *mapping.Field, at settings.Place) {
	f.Validate(at)
	if f.Value != nil {
		at.Key("value").Problem("must not be the same for every row", "")
	}
}

// Origins are where the identifiers that are mapped come from, by their kinds.
func (i *Identifiers) Origins() map[Kind]mapping.Origin {
	all := map[Kind]mapping.Origin{}
	for k, f := range i.fields() {
		if !f.IsZero() {
			all[Kind(k)] = f.Origin()
		}
	}
	return all
}
