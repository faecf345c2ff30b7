package sandbox

import _ "embed"

//go:embed rules.md
var rulesTable string

// RulesTable is every rule of the simulator as a Markdown table: what is answered, whether TikTok's own material confirms it, partners
// report it or it is a choice made here, and the warning or the field of Config that changes it.
func RulesTable() string { return rulesTable }

// Warning is something TikTok is not known to refuse, but a careful client does not send.
// Every warning is counted; those in Config.Refuse are answered 40002 instead.
type Warning string

// The warnings.
const (
	UnknownField    Warning = "unknown_field"      // a field outside properties that TikTok does not document
	UnknownProperty Warning = "unknown_property"   // the same inside properties, where custom keys are accepted in practice
	RepeatedField   Warning = "repeated_field"     // an object names a field twice
	EmptyValue      Warning = "empty_value"        // "" or [] where the field could have been left out
	UpperHash       Warning = "upper_case_hash"    // a hash in upper-case hexadecimal
	PersonalData    Warning = "personal_data"      // an e-mail address or a phone number in a field that is sent in clear
	NoPageURL       Warning = "no_page_url"        // a web event without page.url, which TikTok's field table calls required
	NoSlash         Warning = "no_slash"           // a GET path without its last slash; a POST is answered 404
	Compressed      Warning = "compressed"         // a body in gzip, which no document promises to read
	UnlistedValue   Warning = "unlisted_value"     // a value outside a documented list that is not known to be enforced
	WrongSource     Warning = "wrong_source"       // a field that does not apply to this event_source
	PrivateAddress  Warning = "private_address"    // user.ip is private, loopback or link-local: it can never match
	KnownHash       Warning = "unnormalised_hash"  // the hash of a value that was not trimmed, lower-cased or in E.164
	OldEvent        Warning = "old_event"          // more than 7 days old: outside the view window
	NoEventID       Warning = "no_event_id"        // never deduplicated, so a retry counts twice
	TestBatch       Warning = "test_batch"         // more than one event with a test_event_code
	ReservedName    Warning = "reserved_name"      // a custom event whose name TikTok takes for one of its own
	PartnerName     Warning = "partner_name"       // undocumented, for registered partners only
	LegacyEndpoint  Warning = "legacy_endpoint"    // Events API 1.0, announced for sunset
	IgnoredChange   Warning = "ignored_change"     // an audience update with a part that TikTok ignores
	InFlight        Warning = "in_flight_conflict" // add and delete of one member under way at the same time: the outcome is a race
)

// Warnings lists every warning.
func Warnings() []Warning {
	return []Warning{
		UnknownField, UnknownProperty, RepeatedField, EmptyValue, UpperHash, PersonalData, NoPageURL, NoSlash, Compressed, UnlistedValue, WrongSource,
		PrivateAddress, KnownHash, OldEvent, NoEventID, TestBatch, ReservedName, PartnerName, LegacyEndpoint, IgnoredChange, InFlight,
	}
}

// Strict lists the warnings a client without faults never causes; use it as Config.Refuse in tests of a client.
func Strict() []Warning {
	return []Warning{
		UnknownField, RepeatedField, EmptyValue, UpperHash, NoPageURL, NoSlash, WrongSource, KnownHash, NoEventID, ReservedName, PartnerName, IgnoredChange,
	}
}
