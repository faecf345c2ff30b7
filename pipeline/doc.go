// Package pipeline holds the words of tokrelay: what a Record, a Chunk, a Change, an Item, an Answer and a Rejection
// are. It does nothing by itself: the steps below it (kafka, cdc, mapping, router, delivery, deadletter) and the sinks
// speak to each other only through these types, and only cmd joins them. It imports the standard library alone.
//
// The flow, in these words: kafka hands over a Chunk of Records; cdc decodes each Record into a Change; a sink makes
// Items of it, or a Rejection, or skips it; delivery sends Items in calls and reads each Answer; every row of the chunk
// is settled with an Outcome; then, and only then, kafka commits.
package pipeline
