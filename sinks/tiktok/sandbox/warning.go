package sandbox

// Warning is something TikTok is not known to refuse, but a careful client does not send.
// Every warning is counted; those in Config.Refuse are answered 40002 instead.
type Warning string

// The warnings.
const (
	UnknownField    Warning = "unknown_field"      // a field outside properties that TikTok does not document
	UnknownProperty Warning = "unknown_property"   // the same inside properties, where custom keys are accepted in practice
	RepeatedField   Warning = "repeated_field"     // an object names a field twice
	EmptyValue      Warning = "empty_value"        // "" or [] where the field could have been left out
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
	IgnoredChange   Warning = "ignored_change"     // an audience update whose other changes TikTok ignores
	InFlight        Warning = "in_flight_conflict" // add and delete of one member under way at the same time: the outcome is a race
)

// Strict lists the warnings a client without faults never causes; use it as Config.Refuse in tests of a client.
func Strict() []Warning {
	return []Warning{UnknownField, RepeatedField, EmptyValue, WrongSource, KnownHash, NoEventID, ReservedName, PartnerName, IgnoredChange}
}
