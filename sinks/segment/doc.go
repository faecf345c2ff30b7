// Package segment keeps custom audiences up to date through TikTok's Segment API: a row that becomes a member is added,
// a member that leaves or is deleted is removed, and one whose identifiers change has the new ones added and the old ones
// removed.
//
// A Maker, one per goroutine, looks at one change alone: it evaluates member_when, normalises and hashes, and writes what the row
// says. A Sink asserts that to the owner of the row, in one transaction with the row's offset. The owners (package owners) compare,
// and say of each digest if it is in the audience. A Teller puts what they say into elements of calls, and has delivery send
// them. It leaves to others: decoding (cdc), calls, limits and retries (delivery), Kafka (pipeline/kafka).
//
// TikTok knows nothing of rows: it holds a set of digests for each audience. Several rows may want the same one (a household's
// address); it leaves TikTok when the last of them does not want it any more.
package segment
