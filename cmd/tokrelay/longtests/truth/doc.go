// Package truth holds the audiences that the whole daemon keeps against the table behind the topic (docs/architecture.md,
// P10). A history of changes, made from a seed, is written as a connector writes it, into a log that the broker compacts,
// while members of the group come, leave and are killed and TikTok is slow, throttles or fails. Once all is quiet the
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
// Faults that were put into the code, each with a seed that finds it; a seed goes with its list of kinds:
//
//	updates of changed columns taken for whole rows      3000 "key images,changed columns"
//	a rejected row's opt-in forgotten                    3100 "key images,changed columns,rejected rows"
//	a cell set to NULL taken for unchanged               3203 "key images,full images,changed columns,erasures"
//	Spanner's column set to NULL taken for unchanged     3306 "key images,changed columns,erasures"
//	no sync held whose audience another sync fills       6000 "full images,key images,rivals"
//	the call of an instance that has ended not looked at 3483 "key images,full images,fences,late calls,restarts,kills"
//	a look back that says what was said already          18102233, without a list, once in some fifty runs
//
// A seed gives the same history. Which goroutine comes first in one moment is not in its power, so a seed that failed may
// pass: run it often (-runs 50 -same) before believing it.
package truth
