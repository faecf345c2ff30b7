// Package owners keeps streamed audiences by owners: the instances that hold the partitions of an audience's rows and digests.
// Nothing is coordinated otherwise. It is the protocol as plain values: the records of the audience's topics, the tables of what
// is owned, and what follows of a record. It leaves to others: Kafka (pipeline/kafka/stage), and what a call to TikTok is
// (package segment).
//
//	source ──assert──▶ rows (by row) ──rows──▶ claims (by digest) ──claims──▶ TikTok
//	                                  └─▶ members: what is remembered of each row
//
// Assert has no state: a row becomes an Assertion. Rows owns rows: what a row says now is compared with what is remembered of it; what
// it has come to want it claims, and then gives up what it wanted before. Claims owns digests: a digest is in the audience
// while any row claims it, and only its owner tells TikTok.
//
// # Versions and claims
//
// A version of a row is the offset of the assertion that made it. A claim is a digest and a version, and both are in its key:
// it is present once, then absent once, and no version claims twice. So the order between claims does not matter, and a
// claims topic may be compacted at any time. Only the owner of a digest writes the tombstone of an absence, after that was settled and
// committed.
package owners
