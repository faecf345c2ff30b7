package pipeline

import "time"

// SkipReason says why a row is knowingly not sent. It is the error a step returns for such a row; the list is closed.
type SkipReason string

const (
	SkipTombstone       SkipReason = "tombstone"         // the null value Debezium writes after a delete
	SkipHeartbeat       SkipReason = "heartbeat"         // Debezium's heartbeat topic
	SkipTransaction     SkipReason = "transaction"       // Debezium's transaction topic
	SkipSchemaChange    SkipReason = "schema_change"     // Debezium's schema change topic
	SkipMessage         SkipReason = "message"           // a logical decoding message, a notification or a signal
	SkipTruncate        SkipReason = "truncate"          // a truncate has no rows
	SkipRecordType      SkipReason = "record_type"       // the sync's `records` does not name the row's record type
	SkipOperation       SkipReason = "operation"         // the sync's `on` skips this operation
	SkipIgnored         SkipReason = "ignored_operation" // the sync's operation column says ignore
	SkipFiltered        SkipReason = "filtered"          // the sync's `when` is false
	SkipUnmapped        SkipReason = "event_not_mapped"  // the event map has no entry for the row's name, and says so
	SkipNoConsent       SkipReason = "no_consent"        // the row's `consent` does not allow it
	SkipNoChange        SkipReason = "no_change"         // an audience row whose membership and identifiers are as before
	SkipNotMember       SkipReason = "not_member"        // an audience row that was and is not a member
	SkipNoIdentifier    SkipReason = "no_identifier"     // an audience row without identifiers, where none is required and none was known
	SkipSuperseded      SkipReason = "superseded"        // a later row of the same member in the same flush decides
	SkipDuplicateReplay SkipReason = "replay_superseded" // a replayed row that a newer change of the member has overtaken
	SkipGone            SkipReason = "row_gone"          // a dead letter whose row neither the letter nor its source has any more
	SkipBeforeImage     SkipReason = "before_image"      // a before-image that only informs a later row
)

// SkipReasons lists them all, for metrics.
var SkipReasons = []SkipReason{SkipTombstone, SkipHeartbeat, SkipTransaction, SkipSchemaChange, SkipMessage, SkipTruncate,
	SkipRecordType, SkipOperation, SkipIgnored, SkipFiltered, SkipUnmapped, SkipNoConsent, SkipNoChange, SkipNotMember, SkipNoIdentifier, SkipSuperseded,
	SkipDuplicateReplay, SkipGone, SkipBeforeImage}

func (s SkipReason) Error() string { return "skipped: " + string(s) }

// TroubleKind says whose trouble it is when it is not the row's.
type TroubleKind string

const (
	TroubleRegistry   TroubleKind = "registry"         // the schema registry is away or refuses us
	TroubleKafka      TroubleKind = "kafka"            // the broker is away or refuses us
	TroubleBatch      TroubleKind = "unreadable_batch" // a partition waits behind a batch of records that cannot be read
	TroubleDeadLetter TroubleKind = "dead_letter"      // a dead letter cannot be written
	TroubleTikTok     TroubleKind = "tiktok"           // TikTok is away
	TroubleThrottled  TroubleKind = "throttled"        // TikTok's limit
	TroubleToken      TroubleKind = "token"            // TikTok refuses the token
	TroubleConfig     TroubleKind = "configuration"    // TikTok, or the data, shows the configuration to be wrong
	TroubleRefused    TroubleKind = "refused_all"      // TikTok refuses everything: no row is blamed
	TroubleUnknown    TroubleKind = "unknown_answer"   // TikTok answers with a code that is not known
	TroubleRejected   TroubleKind = "rejected_share"   // too many rows are rejected: the mapping is probably wrong
	TroubleColumn     TroubleKind = "missing_column"   // a mapped column disappeared and `missing_column: stop`
	TroubleState      TroubleKind = "state"            // the state topic is away
	TroubleDisk       TroubleKind = "disk_full"        // there is no room for an audience's files
	TroubleAudience   TroubleKind = "audience"         // the audience cannot be used: renamed, gone, or of the other mode
	TroublePaused     TroubleKind = "paused"           // no fault: an operator has paused the sync
)

// TroubleKinds lists them all, for metrics.
var TroubleKinds = []TroubleKind{TroubleRegistry, TroubleKafka, TroubleBatch, TroubleDeadLetter, TroubleTikTok, TroubleThrottled,
	TroubleToken, TroubleConfig, TroubleRefused, TroubleUnknown, TroubleRejected, TroubleColumn, TroubleState, TroubleDisk, TroubleAudience, TroublePaused}

// Trouble is a failure that is not the row's fault: the sync pauses, says so, and tries again (P8). Nothing is ever
// dead-lettered because of it. Its text holds no personal data.
type Trouble struct {
	Kind  TroubleKind
	What  string    // what was being done and what came back, for a person
	Until time.Time // when it is tried again, if known
	Stop  bool      // it will not pass by itself: an operator must act
}

func (t *Trouble) Error() string { return string(t.Kind) + ": " + t.What }
