package identity

import "slices"

// Rule is the rule an identifier breaks, and the error for it. The list is closed. It never holds the value, so it may
// travel into logs, metrics and headers. Returning one does not allocate.
type Rule string

const (
	RuleNotAnEmail       Rule = "not_an_email"
	RuleNotE164          Rule = "not_e164"
	RuleNoCountry        Rule = "no_country"
	RuleUnknownCountry   Rule = "unknown_country"
	RuleNotADeviceID     Rule = "not_a_device_id"
	RuleZeroDeviceID     Rule = "zero_device_id"
	RuleAlreadyHashed    Rule = "already_hashed"
	RuleNotHashed        Rule = "not_hashed"
	RuleWrongDigest      Rule = "wrong_digest"
	RuleKnownEmptyDigest Rule = "known_empty_digest"
	RulePlaceholder      Rule = "placeholder"
	RuleTooLong          Rule = "too_long"
	RuleInvalidUTF8      Rule = "invalid_utf8"
)

var rules = []struct{ rule, meaning Rule }{
	{RuleNotAnEmail, "one e-mail address with a local part and a domain that has a dot"},
	{RuleNotE164, "one phone number of its country, with the country code, without extension or letters"},
	{RuleNoCountry, "a phone number in national form needs a default country"},
	{RuleUnknownCountry, "unknown country: a phone number in national form needs an ISO 3166 code or a country's name"},
	{RuleNotADeviceID, "a device id in groups of hexadecimal digits, 8-4-4-4-12"},
	{RuleZeroDeviceID, "a device id of zeros belongs to everyone who opted out"},
	{RuleAlreadyHashed, "clear text is expected, not a digest"},
	{RuleNotHashed, "a digest is expected, not clear text"},
	{RuleWrongDigest, "a digest of this length is none of the expected algorithm"},
	{RuleKnownEmptyDigest, "the digest of an empty or placeholder text matches nobody"},
	{RulePlaceholder, "a placeholder such as null or n/a identifies nobody"},
	{RuleTooLong, "longer than such an identifier can be"},
	{RuleInvalidUTF8, "valid UTF-8"},
}

// Nobody says of a rule that the value is a placeholder, which stands for no person at all. It is not a fault of form: the caller,
// who knows the row, may leave such a value out. The digest of one is not among them: who hashed nothing has to know.
func (r Rule) Nobody() bool { return r == RulePlaceholder || r == RuleZeroDeviceID }

// Error says what an identifier has to satisfy, for a person. The rule's own text is string(r).
func (r Rule) Error() string {
	i := slices.IndexFunc(rules, func(known struct{ rule, meaning Rule }) bool { return known.rule == r })
	if i < 0 {
		return string(r)
	}
	return string(rules[i].meaning)
}
