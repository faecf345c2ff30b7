//go:build !synctests

package laws

import (
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

var flags = virtual.NewFlags()

func TestTheLawsHoldUnderVirtualTime(t *testing.T) { virtual.Again(t, flags.Args()...) }
