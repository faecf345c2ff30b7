// Package owners holds streamed audiences by owners (sinks/segment/owners, pipeline/kafka/stage) against the tables behind
// them: random histories in virtual time, of instances that come, leave, are killed and freeze at the worst places, of a
// TikTok that is slow, throttles, fails and refuses, of compaction, purges, resyncs, replays, and two syncs that fill one
// audience. Once all is quiet TikTok's set has to be the tables'; in the end every row is deleted, and it has to hold nothing.
//
// The truth is a map of rows and SHA-256 of Go's own library. A rule of the protocol that is taken out is noticed:
// rules_test.go says by which share of histories.
//
//	go test ./cmd/tokrelay/longtests/owners -args -runs 1000
//	go test ./cmd/tokrelay/longtests/owners -args -runs 1 -seed 42
package owners
