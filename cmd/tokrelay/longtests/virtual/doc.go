// Package virtual is what the tests that run the whole daemon under virtual time (testing/synctest) have in common: the
// link that joins a member to the embedded broker and the simulated TikTok and that can be cut, the rights of a broker
// that outlives its members, logs for a test that fails, and a guard outside the virtual time.
//
// Virtual time needs locks that are channels, because it cannot tell a goroutine that waits for a lock from one that works.
// franz-go has them under the build tag `synctests`: Again runs a package of tests with it.
package virtual
