//go:build !synctests

package owners

import (
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

var flags = virtual.NewFlags()

func TestTheAudienceIsTheTablesUnderVirtualTime(t *testing.T) { virtual.Again(t, flags.Args()...) }
