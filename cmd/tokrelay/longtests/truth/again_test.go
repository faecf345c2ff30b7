//go:build !synctests

package truth

import (
	"flag"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

var (
	flags = virtual.NewFlags()
	only  = flag.String("kinds", "", "kinds of the histories, by name, separated by commas")
)

func TestTheAudienceIsTheTableUnderVirtualTime(t *testing.T) {
	virtual.Again(t, append(flags.Args(), "-kinds", *only)...)
}
