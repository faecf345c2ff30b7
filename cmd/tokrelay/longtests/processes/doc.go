// Package processes tests the real binary as its users run it: another process, real sockets, real signals. The broker,
// registry and TikTok are the stand-ins of the demo, in the test's own process, so that the binary can be killed and they
// remember. It holds nothing but tests.
package processes
