// Package segment keeps custom audiences up to date through TikTok's Segment API: a row that becomes a member is added,
// a member that leaves or is deleted is removed, and one whose identifiers change has the old ones removed and the new ones
// added.
//
// It has two halves. A Maker, one per goroutine, looks at one change alone: it evaluates member_when, normalises and
// hashes, and writes the row's transition (what the row's person was and is now) into Items. Sink.Deliver then looks at
// the whole chunk, and at what it remembers of each member: it decides what to say to TikTok, one operation per
// digest, has delivery send it, and notes what TikTok holds. It leaves to others: decoding (cdc), calls, limits and
// retries (delivery), the topic behind the memory (pipeline/state).
//
// # Claims
//
// A claim is one digest of one type in one audience. TikTok knows nothing of rows: it holds a set of claims. Several
// rows may claim the same one (a household's address); it leaves TikTok when the last of them does. Within this process
// an add and a delete of the same claim are never under way at the same time (P2). How this holds across crashes and
// instances is written in memory.go.
package segment
