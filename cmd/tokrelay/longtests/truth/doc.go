// Package truth holds the audiences that the whole daemon keeps against the table behind the topic (docs/architecture.md,
// P10). A history of changes, made from a seed, is written as a connector writes it, into a log that the broker compacts,
// while members of the groups come, leave, freeze and are killed and TikTok is slow, throttles or fails. Once all is quiet the
// simulator's set has to be the table's.
//
// The truth is a map of rows and SHA-256 of Go's own library: see table_test.go, which says for every version of a row
// what TikTok may know of its person. It shares no code with the sinks, so it outlives them.
//
// The test without a build tag, a part of `make test`, runs some histories; `make truth` as many as are asked for:
//
//	make truth RUNS=10000
//	go test ./cmd/tokrelay/longtests/truth -args -runs 1 -seed 42
//	go test ./cmd/tokrelay/longtests/truth -args -runs 100 -kinds "full images,rejected rows"
//
// What a history is made of (kinds_test.go), by name:
//
//   - how the source writes: full images, key images, flat rows, rewritten; or the audience is a file upload;
//   - the table: households, key changes, erasures, overwriting, rejected rows, soft deletes, bad opt-outs, changed columns;
//   - the log: compaction (also of the topics that the members keep), vanishing deletes, key schemas, more partitions, topics;
//   - the syncs: syncs (another audience from the same rows), two syncs (of one audience, in one configuration or two), rivals (of
//     another kafka.group: held, until a resync hands the audience over), resyncs (also of a source that was made again);
//   - the members: instances (up to three of a configuration), restarts, kills, cuts, fences, freezes (for longer than a session, anywhere, and
//     before a call or after its answer);
//   - TikTok: faults, late calls, refused addresses.
//
// At the end every row is deleted, and TikTok may hold nothing.
//
// A seed gives the same history. Which goroutine comes first in one moment is not in its power, so a seed that failed may
// pass: run it often (-runs 50 -same) before believing it.
package truth
