//go:build !synctests

package owners

import (
	"flag"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

var (
	eachRule = flag.Int("each-rule", 0, "take each rule of the protocol out, and see it noticed within this number of histories; 0: do not")
	oneRule  = flag.String("rule", "", "the rule to take out; empty: each")
)

// TestEachRuleTakenOutIsNoticed is the long form alone: it builds the tests once for each rule.
func TestEachRuleTakenOutIsNoticed(t *testing.T) {
	if *eachRule == 0 {
		t.Skip("-each-rule says within how many histories")
	}
	for _, r := range virtual.Rules {
		if *oneRule == "" || *oneRule == r.Name {
			t.Run(r.Name, func(t *testing.T) {
				t.Logf("noticed by %d of %d histories", virtual.Noticed(t, r.Without(t), *eachRule, 1, "-test.run", "TestOnceAll"), *eachRule)
			})
		}
	}
}
