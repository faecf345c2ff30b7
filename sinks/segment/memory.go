package segment

import "context"

// Memory is what is known of every member of the sync, its own and those that other instances look after: a compacted
// topic, read as a whole by every instance (pipeline/state). All methods may be called from several goroutines.
//
// How a member's change is made, so that a crash between any two steps, and any number of instances, leave TikTok right:
//
//  1. What the member wants now and what it leaves is written, marked as pending. From here on every instance counts its
//     wants, and none counts what it leaves.
//  2. What it leaves is deleted unless another member wants it. If one seems to, the memory is refreshed first: two
//     members that leave the same claim at the same time would otherwise spare it for each other's sake.
//  3. What it wants is added.
//  4. After a delete the memory is refreshed. If by then a member wants the claim, whose add may have come before our
//     delete, it is added again; if after that none wants it any more, it is deleted again, and so on.
//  5. What the member wants is written, no longer pending; or nothing, when it has gone.
//
// A crash after 1 leaves a pending record. The next to read it trusts no difference: everything in it is added or deleted
// again. All of this repeats set operations, which TikTok takes any number of times.
//
// Calls that ended without an answer may have their effect behind others': they are looked at again once that is over, as are those of
// a partition that was lost (LookBack). No record is pending for the calls that such a look makes, so it makes as few as can be: where
// something else was said than is remembered.
//
// Within the process, locks on members and on claims keep chunks from interfering between 1 and 5.
type Memory interface {
	// Refresh returns when everything that any instance had written when it was called is visible.
	Refresh(ctx context.Context) error
	// Get appends the member's value to dst, or nothing.
	Get(dst []byte, member [16]byte) []byte
	// Put writes values; nil forgets a member. It returns when they are acknowledged and visible.
	Put(ctx context.Context, members [][16]byte, values [][]byte) error
	// Claimants is the number of members whose value holds the claim, as EachClaim tells.
	Claimants(claim []byte) int
	// Find returns some members whose value is as asked, at most limit.
	Find(is func(value []byte) bool, limit int) [][16]byte
}

// memberPlan is what becomes of one member in a chunk.
type memberPlan struct {
	key     key
	earlier []key  // other names it was remembered by
	last    int32  // the row that decides, in flush.rows; -1: none of them counts
	past    []byte // its claims before the chunk, from images, where nothing is remembered
	known   bool   // before is what is remembered
	dirty   bool   // what is remembered may differ from what TikTok holds
	changed bool
	put     bool // only its position moves, or its name
	letters bool // a row of it is rejected
	before  record
	after   record
}
