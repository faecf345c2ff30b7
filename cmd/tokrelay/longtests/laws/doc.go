// Package laws holds the whole daemon against its laws (docs/architecture.md, P1 to P8) under random trouble. The daemon
// is the real one, put together from a configuration; the broker is kfake on an in-memory network, TikTok is the sandbox,
// and time is virtual, so that minutes of backing off, sessions that run out and held calls cost milliseconds.
//
// Virtual time wants locks that are channels, for it cannot tell who waits for a lock from who works. franz-go has them
// under the build tag `synctests`. The test without the tag, a part of `make test`, runs the package again with it, a few
// times; `make laws` runs it as often as is asked:
//
//	make laws RUNS=10000
//	go test ./cmd/tokrelay/longtests/laws -args -runs 1 -seed 42
//
// A seed gives the same rows, faults and members at the same times. Which goroutine comes first in one moment is not in
// its power, so a seed that failed may pass: run it often (-runs 50 -same) before believing it.
package laws
