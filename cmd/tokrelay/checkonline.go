package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/check"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// checkOnline prints a line per finding as it comes, and fails when one of them does.
func checkOnline(c *cobra.Command, config *daemon.Config, asJSON bool) error {
	s := newScreen(c)
	counts := map[string]int{}
	var unprinted error
	err := check.Run(c.Context(), config, storedToken,
		func(f check.Finding) {
			counts[f.State]++
			if asJSON {
				unprinted = s.line(f)
				return
			}
			s.finding(f)
		})
	if err == nil {
		err = unprinted
	}
	if err != nil {
		return err
	}
	s.note("%d ok, %d to look at, %d to repair\n", counts[check.OK], counts[check.Warn], counts[check.Fail])
	if counts[check.Fail] > 0 {
		return errReported
	}
	return nil
}

var findingColours = map[string]string{check.OK: green, check.Warn: yellow, check.Fail: red}

func (s *screen) finding(f check.Finding) {
	s.print("%s %s: %s\n", s.paint(findingColours[f.State], fmt.Sprintf("%-4s", f.State)), s.paint(bold, f.What), f.Says)
	if f.Cure != "" {
		s.print("     %s\n", s.paint(dim, "→ "+f.Cure))
	}
}
