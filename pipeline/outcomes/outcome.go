package outcomes

import (
	"crypto/sha256"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Outcome is how one row ended.
type Outcome struct {
	Sync      string
	Topic     string // topic, partition and offset are the row's
	Partition int32
	Offset    int64
	Key       []byte // Prefix of the hash of the record's key without framing; nil without a key
	EventID   []byte
	Digests   []byte // Prefix bytes of each digest of the person, one after the other
	Action    Action
	End       End
	Stage     string // "" and 0 are null, of these as well
	Reason    string
	Field     string
	Column    string
	Code      int // TikTok's, else the HTTP status
	HasCode   bool
	RequestID string
	Call      string
	Changed   int64 // Unix milliseconds, the time of the row's record
	Settled   int64 // Unix milliseconds
	Replay    string
	By        string
	Letter    Letter
}

// Letter is where in the rejected topic a row's dead letter is.
type Letter struct {
	Partition int32
	Offset    int64
	Known     bool
}

// Prefix is how many bytes of a hash are kept, of keys and of digests.
const Prefix = pipeline.DigestPrefix

// Action is what TikTok was to be told of a row.
type Action uint8

// Actions, in the order of the schema.
const (
	None Action = iota
	Send
	Add
	Delete
)

var actions = [...]string{"none", "send", "add", "delete"}

func (a Action) String() string { return name(actions[:], int(a)) }

// End is how a row ended.
type End uint8

// Ends, in the order of the schema.
const (
	Delivered End = iota // TikTok accepted all of it
	Rejected             // a dead letter: it cannot succeed as it is
	Failed               // a dead letter: its batch was given up
	Skipped              // knowingly not sent
	Asserted             // handed to the owners of a streamed audience
)

var ends = [...]string{"delivered", "rejected", "failed", "skipped", "asserted"}

func (e End) String() string { return name(ends[:], int(e)) }

// name is that of a later version's number too.
func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// IsDead reports whether the row is a dead letter.
func (e End) IsDead() bool { return e == Rejected || e == Failed }

// ChangedAt is the time of the row's record.
func (o *Outcome) ChangedAt() time.Time { return time.UnixMilli(o.Changed) }

// SettledAt is when the row ended.
func (o *Outcome) SettledAt() time.Time { return time.UnixMilli(o.Settled) }

// Position is where the row is.
func (o *Outcome) Position() pipeline.Position {
	return pipeline.Position{Topic: o.Topic, Partition: o.Partition, Offset: o.Offset}
}

// Clone is a copy to keep.
func (o *Outcome) Clone() *Outcome {
	c := *o
	for _, b := range [...]*[]byte{&c.Key, &c.EventID, &c.Digests} {
		*b = append([]byte(nil), *b...)
	}
	return &c
}

// AppendKey appends what Outcome.Key is of a record with that key, which is without framing; nothing without one.
func AppendKey(dst, identity []byte) []byte {
	if len(identity) == 0 {
		return dst
	}
	sum := sha256.Sum256(identity)
	return append(dst, sum[:Prefix]...)
}

// LettersPartition holds rejected and failed rows, and all that replays did.
const LettersPartition = 0

// PartitionOf is the partition, of n, of the rows of a source partition that are not in LettersPartition.
func PartitionOf(topic string, partition int32, n int) int32 {
	if n < 2 {
		return LettersPartition
	}
	h := uint32(2166136261) // FNV-1a
	for i := range len(topic) {
		h = (h ^ uint32(topic[i])) * 16777619
	}
	return 1 + int32((uint64(h)+uint64(uint32(partition)))%uint64(n-1))
}
