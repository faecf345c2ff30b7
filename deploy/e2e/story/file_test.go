//go:build e2e

package story

import "testing"

func (s *shop) file() {}

var _ = testing.Short
