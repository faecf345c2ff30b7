// Package lawtest holds the whole daemon against its laws (docs/architecture.md, P1 to P8) under random trouble. The daemon
// is the real one, put together from a configuration; the broker is kfake on an in-memory network, TikTok is the sandbox,
// and time is virtual, so that minutes of backing off, sessions that run out and held calls cost milliseconds.
//
// Virtual time wants a franz-go whose locks are channels, which it is under the build tag `synctests`. Under the tag
// `laws` the one test here runs the package again with it; it stands apart from make test, for it builds franz-go anew:
//
//	make laws
//	go test -tags laws ./cmd/tokrelay/lawtest -args -runs 1000
//	go test -tags laws ./cmd/tokrelay/lawtest -args -runs 1 -seed 42
//
// A seed gives the same rows, faults and members at the same times. Which goroutine comes first in one moment is not in
// its power, so a seed that failed may pass: repeat it with more runs (-same) before believing it.
package lawtest
