package pipeline

// Reason is why a row was rejected. The list is closed and documented: docs/operations/reasons.md has a section for each
// one, held equal to this table by a test.
type Reason string

// ReasonInfo explains a reason to a person.
type ReasonInfo struct {
	Class   Class
	Meaning string // what is wrong, as the start of a sentence
	Cause   string // where it usually comes from
	Cure    string // what to do, then `tokrelay dlq replay`
}

const (
	// Reading the record.
	EmptyValue            Reason = "empty_value"
	UnknownMagicByte      Reason = "unknown_magic_byte"
	ShortHeader           Reason = "short_header"
	UnsupportedFraming    Reason = "unsupported_framing"
	SchemaNotFound        Reason = "schema_not_found"
	SchemaUnreadable      Reason = "schema_unreadable"
	AvroDecode            Reason = "avro_decode"
	JSONDecode            Reason = "json_decode"
	TrailingBytes         Reason = "trailing_bytes"
	TooLarge              Reason = "too_large"
	NotAChange            Reason = "not_a_change"
	UnknownOperation      Reason = "unknown_operation"
	MissingColumn         Reason = "missing_column"
	UnavailableValueInRow Reason = "unavailable_value"
	BeforeImageIncomplete Reason = "before_image_incomplete"
	RangeDelete           Reason = "range_delete"
	StepPanicked          Reason = "step_panicked"
	UnreadableBatch       Reason = "unreadable_batch"
	SkippedByOperator     Reason = "skipped_by_operator"

	// Mapping and validation.
	RequiredField      Reason = "required_field"
	WrongType          Reason = "wrong_type"
	ExpressionFailed   Reason = "expression_failed"
	InvalidEventName   Reason = "invalid_event_name"
	InvalidEventTime   Reason = "invalid_event_time"
	EventTooOld        Reason = "event_too_old"
	EventInFuture      Reason = "event_in_future"
	InvalidEventID     Reason = "invalid_event_id"
	InvalidCurrency    Reason = "invalid_currency"
	InvalidNumber      Reason = "invalid_number"
	NegativeNumber     Reason = "negative_number"
	InvalidURL         Reason = "invalid_url"
	InvalidIP          Reason = "invalid_ip"
	InvalidText        Reason = "invalid_text"
	InvalidValue       Reason = "invalid_value"
	InvalidContents    Reason = "invalid_contents"
	TooLong            Reason = "too_long"
	TooManyElements    Reason = "too_many_elements"
	InvalidPixel       Reason = "invalid_pixel"
	UnknownAudience    Reason = "unknown_audience"
	TooManyAudiences   Reason = "too_many_audiences"
	InvalidTestCode    Reason = "invalid_test_event_code"
	PersonalData       Reason = "personal_data"
	InvalidDeliveryKey Reason = "invalid_member_key"

	// Identifiers.
	InvalidEmail      Reason = "invalid_email"
	InvalidPhone      Reason = "invalid_phone"
	InvalidIdentifier Reason = "invalid_identifier"
	AlreadyHashed     Reason = "already_hashed"
	NotHashed         Reason = "not_hashed"
	EmptyDigest       Reason = "known_empty_digest"
	NoIdentifier      Reason = "no_identifier"

	// Sending.
	RefusedByTikTok Reason = "refused_by_tiktok"
	BatchRefused    Reason = "batch_refused"
	GaveUp          Reason = "gave_up"
)

// reasons is the closed list. A reason that is not here does not exist.
var reasons = []struct {
	Reason
	ReasonInfo
}{
	{EmptyValue, ReasonInfo{ClassUnreadable, "the record's value is empty", "a producer wrote zero bytes, which is neither a row nor a tombstone", "find the producer; nothing in the row can be sent"}},
	{UnknownMagicByte, ReasonInfo{ClassUnreadable, "the value does not start like any known framing", "plain text, Protobuf or another format on this topic, or a converter tokrelay does not know", "set `framing` for the topic, or fix the producer's converter"}},
	{ShortHeader, ReasonInfo{ClassUnreadable, "the value ends inside its framing", "a truncated record", "find the producer; read the row again from the source"}},
	{UnsupportedFraming, ReasonInfo{ClassUnreadable, "the framing is known but not supported", "AWS Glue, an Avro container file, or an eight-byte schema id read as four", "the message names the framing and the setting or converter that helps"}},
	{SchemaNotFound, ReasonInfo{ClassUnreadable, "the schema registry does not know the schema", "a registry that was replaced or mirrored late, or the wrong registry URL", "register the schema or correct `schema_registry.url`, then replay"}},
	{SchemaUnreadable, ReasonInfo{ClassUnreadable, "the writer schema cannot be used", "a schema that is not Avro, is too large or too deep, or that goavro refuses even after repair", "the message has the parser's words; correct the producer's schema"}},
	{AvroDecode, ReasonInfo{ClassUnreadable, "the bytes do not fit the writer schema", "a truncated or corrupt record, or a schema id of another registry", "compare registry and producer; read the row again from the source"}},
	{JSONDecode, ReasonInfo{ClassUnreadable, "the value is not the JSON it should be", "a truncated record, or text that is not Connect's JSON", "look at the record's start; fix the producer's converter"}},
	{TrailingBytes, ReasonInfo{ClassUnreadable, "bytes are left over after the row", "the wrong framing (an eight-byte id read as four) or the wrong schema", "set `framing` for the topic"}},
	{TooLarge, ReasonInfo{ClassUnreadable, "the value is larger or deeper than the limits", "a hostile or broken record", "raise the decode limits if the row is honest"}},
	{NotAChange, ReasonInfo{ClassUnreadable, "the record is neither a row nor a change", "MongoDB change documents, or a topic with something else in it", "take the topic out of the sync, or set `format`"}},
	{UnknownOperation, ReasonInfo{ClassInvalid, "the operation column holds no known operation", "a value missing in `operation`'s lists", "add the value to `operation.insert`, `update`, `delete` or `ignore`, then replay"}},
	{MissingColumn, ReasonInfo{ClassInvalid, "a mapped column is not in the row's schema", "a column renamed or dropped in the source", "correct the mapping, then replay"}},
	{UnavailableValueInRow, ReasonInfo{ClassInvalid, "the value was not read from the database", "PostgreSQL leaves an unchanged large value out of an update, or, with `after_image: changed`, the row leaves out something that is not remembered", "set REPLICA IDENTITY FULL, take the value from another column, or write the whole row"}},
	{BeforeImageIncomplete, ReasonInfo{ClassInvalid, "the old row is not known, so the old identifier is not either", "PostgreSQL's default replica identity, and a condition that reads the old row", "set REPLICA IDENTITY FULL and `before_image: full`, or take `before` out of the condition"}},
	{RangeDelete, ReasonInfo{ClassInvalid, "the change deletes many rows and names none", "a range tombstone of Cassandra", "delete rows one by one: the people of the range are in the audience until their rows are deleted so, or until a file audience's topic no longer has them"}},
	{StepPanicked, ReasonInfo{ClassInvalid, "tokrelay failed on this row", "a fault in tokrelay", "report it with the message; the neighbours were delivered"}},
	{UnreadableBatch, ReasonInfo{ClassUnreadable, "`tokrelay skip` passed over a batch of records that cannot be read", "a damaged disk, a faulty producer, or a batch that unpacks to more than `kafka.max_batch_bytes`", "the letter has no rows to replay: repair the topic or raise `kafka.max_batch_bytes`, then `tokrelay resync` the partition"}},
	{SkippedByOperator, ReasonInfo{ClassInvalid, "`tokrelay skip` passed over the record", "an operator let the sync go on without it", "correct what held the sync up, then replay"}},

	{RequiredField, ReasonInfo{ClassInvalid, "a required field has no value", "NULL or an empty text in the mapped column", "fill the column, or give the field a `default`"}},
	{WrongType, ReasonInfo{ClassInvalid, "the value has the wrong type for the field", "another column was meant, or the column's type lost its meaning on the way", "map another column, or set `type` on the field"}},
	{ExpressionFailed, ReasonInfo{ClassInvalid, "the expression failed on this row", "an operation the value does not allow: NULL arithmetic, say", "make the expression cope with such values"}},
	{InvalidEventName, ReasonInfo{ClassInvalid, "the event name is not one TikTok accepts", "a name of your own without an `event.map`, another case, a name that TikTok reserves, or a blank in it", "map the name in `event.map`, or set `custom_events: true`"}},
	{InvalidEventTime, ReasonInfo{ClassInvalid, "the event time is missing or not a valid time", "NULL, an infinite or zero date, or a number whose unit is unknown", "map a time column, or set `type` on the field"}},
	{EventTooOld, ReasonInfo{ClassInvalid, "the event is older than `max_age`", "a snapshot or a replay of history", "TikTok does not attribute such events; raise `max_age` to send them all the same"}},
	{EventInFuture, ReasonInfo{ClassInvalid, "the event time lies in the future", "a clock or time zone that is off, or milliseconds taken for seconds", "correct the clock, set `timezone` or `type` on the field"}},
	{InvalidEventID, ReasonInfo{ClassInvalid, "the event id is missing, a placeholder or too long", "NULL or a placeholder in the mapped column", "map another column, or leave event_id out: a hash of all columns is the default"}},
	{InvalidCurrency, ReasonInfo{ClassInvalid, "the currency is not in TikTok's list", "a code TikTok does not take, a symbol, or a name", "send a listed ISO 4217 code; a newer list can replace the built-in one"}},
	{InvalidNumber, ReasonInfo{ClassInvalid, "the value is not a finite number", "text with a symbol or thousands separator, NaN or Infinity", "clean the column, or map an expression"}},
	{NegativeNumber, ReasonInfo{ClassInvalid, "the number is negative", "refunds in the same column as sales", "filter them with `when`"}},
	{InvalidURL, ReasonInfo{ClassInvalid, "the URL is not an absolute http(s) URL", "a path without host", "send the full URL, or give the field a `default`"}},
	{InvalidIP, ReasonInfo{ClassInvalid, "the IP address cannot be read", "a port behind it, or free text", "send an IPv4 or IPv6 address, or set `on_invalid: omit` on the field"}},
	{InvalidText, ReasonInfo{ClassInvalid, "the text is not valid UTF-8", "text in another encoding", "convert the column to UTF-8"}},
	{InvalidValue, ReasonInfo{ClassInvalid, "the value is none of the allowed ones", "a vocabulary of your own", "map it with an expression"}},
	{InvalidContents, ReasonInfo{ClassInvalid, "the list of products cannot be read", "JSON that is not an array of objects, or a product without usable members", "correct the column; the message names the element and member"}},
	{PersonalData, ReasonInfo{ClassInvalid, "a field that is sent in clear holds an e-mail address or a phone number", "a URL, an id or free text with a customer's address in it", "take it out at the source, or set `redact` on the field"}},
	{TooLong, ReasonInfo{ClassInvalid, "the value is longer than the limit", "free text in a field for codes", "shorten it, or map another column"}},
	{TooManyElements, ReasonInfo{ClassInvalid, "the list has too many elements", "a list that grew without bound", "shorten the list"}},
	{InvalidPixel, ReasonInfo{ClassInvalid, "the row names no usable pixel or event source", "NULL in the column that chooses it, or a pixel that TikTok refuses while it takes others", "fill the column, give it a `default`, or have the token allowed for the pixel"}},
	{UnknownAudience, ReasonInfo{ClassInvalid, "the row names no usable audience", "NULL or a placeholder in the column that chooses it, an audience that TikTok refuses while it takes others, or one that another sync fills", "fill the column, or name another audience"}},
	{TooManyAudiences, ReasonInfo{ClassInvalid, "the row names one audience more than the sync may fill", "a column that chooses the audience and holds many different values", "map another column, or raise `audience_segment.most_audiences` and restart; what is remembered of audiences that no row names any more counts until `tokrelay resync --recreate`"}},
	{InvalidTestCode, ReasonInfo{ClassInvalid, "the test event code cannot be used", "a column with something else in it", "map the column that holds the code of Events Manager"}},
	{InvalidDeliveryKey, ReasonInfo{ClassInvalid, "the record has no key, so its member is not known", "a topic written without keys", "key the topic by the member (Debezium: message.key.columns)"}},

	{InvalidEmail, ReasonInfo{ClassInvalid, "the e-mail address is not one", "free text, or several addresses in one column", "clean the column"}},
	{InvalidPhone, ReasonInfo{ClassInvalid, "the phone number cannot be made E.164", "a national number without `default_country`, or free text", "set `default_country`, or store numbers with + and country code"}},
	{InvalidIdentifier, ReasonInfo{ClassInvalid, "the identifier cannot be used", "a placeholder such as `null`, `undefined` or a macro never filled in, or an all-zero device id in a row that has no other identifier, or text that is no such identifier", "clean the column"}},
	{AlreadyHashed, ReasonInfo{ClassInvalid, "the value is a digest where clear text is expected", "a hashed column with `hash: raw`", "set `hash: hashed` or `auto` for the identifier"}},
	{NotHashed, ReasonInfo{ClassInvalid, "the value is not a digest", "a clear column with `hash: hashed`", "set `hash: raw` or `auto` for the identifier"}},
	{EmptyDigest, ReasonInfo{ClassInvalid, "the digest is the one of an empty or placeholder text", "hashing NULL or empty strings upstream, in a row that has no other identifier", "hash only real values; such a digest matches nobody"}},
	{NoIdentifier, ReasonInfo{ClassInvalid, "the row has no identifier to match a person by", "all mapped identifiers are NULL", "map more identifiers, or leave `require_identifier` out of an audience, and set it to false for web events"}},

	{RefusedByTikTok, ReasonInfo{ClassRejected, "TikTok refused the row", "a rule of TikTok that tokrelay does not know yet", "read TikTok's text; correct the row or the mapping, then replay"}},
	{BatchRefused, ReasonInfo{ClassFailed, "TikTok calls the row alone too many", "a rule of TikTok's about sizes, or a fault there", "read the batch's record in the failed topic, then replay"}},
	{GaveUp, ReasonInfo{ClassFailed, "the batch kept failing while its endpoint worked for others", "a payload that breaks TikTok's service", "replay later; narrow it down with --limit"}},
}

var reasonIndex = func() map[Reason]ReasonInfo {
	m := make(map[Reason]ReasonInfo, len(reasons))
	for _, r := range reasons {
		m[r.Reason] = r.ReasonInfo
	}
	return m
}()

// Info explains the reason.
func (r Reason) Info() ReasonInfo { return reasonIndex[r] }

// Reasons lists every reason in the order of the documentation.
func Reasons() []Reason {
	all := make([]Reason, len(reasons))
	for i, r := range reasons {
		all[i] = r.Reason
	}
	return all
}
