package virtual

import "testing"

// A rule whose line was written in another way would be taken out of nothing, which only the long form would tell.
func TestEachRuleOfTheProtocolIsALineOfTheCode(t *testing.T) {
	for _, r := range Rules {
		t.Run(r.Name, func(t *testing.T) { r.code(t) })
	}
}
