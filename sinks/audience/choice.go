package audience

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// IsID reports whether a text can be TikTok's id of an audience or an advertiser.
func IsID(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// ValidateChoice reports what is wrong with an audience that is configured by name or by id. required and example are the
// text for one that has neither.
func ValidateChoice(name, id, required, example string, at settings.Place) {
	switch {
	case name != "" && id != "":
		at.Problem("takes name or id, not both", "")
	case id != "" && !IsID(id):
		at.Key("id").Problem("must be digits in quotes", "")
	case id == "" && strings.TrimSpace(name) == "":
		at.Problem(required, example)
	case identity.IsPlaceholder([]byte(name)):
		at.Key("name").Problem("must be a name, not a placeholder", "what filled it in had no value")
	case name != strings.TrimSpace(name):
		at.Key("name").Problem("must not begin or end with a space", "")
	}
}
