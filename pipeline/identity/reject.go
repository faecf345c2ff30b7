package identity

import (
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Reject makes a row's rejection of the error that an identifier in a field of it gave.
func Reject(field string, err error) *pipeline.Rejection {
	rule, _ := errors.AsType[Rule](err)
	return pipeline.Reject(pipeline.StageIdentity, rule.reason(), field, err.Error())
}

// reason is the reason a row is rejected for when it breaks the rule.
func (r Rule) reason() pipeline.Reason {
	switch r {
	case RuleNotAnEmail:
		return pipeline.InvalidEmail
	case RuleNotE164, RuleNoCountry, RuleUnknownCountry:
		return pipeline.InvalidPhone
	case RuleAlreadyHashed:
		return pipeline.AlreadyHashed
	case RuleNotHashed:
		return pipeline.NotHashed
	case RuleKnownEmptyDigest:
		return pipeline.EmptyDigest
	case RuleTooLong:
		return pipeline.TooLong
	case RuleInvalidUTF8:
		return pipeline.InvalidText
	}
	return pipeline.InvalidIdentifier
}
