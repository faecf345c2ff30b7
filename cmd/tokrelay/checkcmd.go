package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/check"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func checkCommand() *cobra.Command {
	var path string
	var online, asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration, and with --online everything it talks about",
		Long: `Validate the configuration: every problem at once, with line and path. With --online also look at brokers, rights, topics
and their settings, the registry's newest schemas, the newest rows, and the TikTok accounts: one line per check, with
ok, warn or fail and a cure. Nothing is changed, and no row is sent.`,
		Example: "  tokrelay check -c tokrelay.yaml\n  tokrelay check --online\n  tokrelay check --online --json | jq -r 'select(.state == \"fail\").cure'",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := checkOffline(c, path, online, asJSON)
			if err != nil || !online {
				return err
			}
			return checkOnline(c, config, asJSON)
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&online, "online", false, "look at Kafka, the registry and TikTok too")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}

// located is a problem of the configuration as JSON.
type located struct {
	check.Finding
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// checkOffline prints the problems of the configuration, and that it is valid. --online asks for the tokens itself.
func checkOffline(c *cobra.Command, path string, online, asJSON bool) (*daemon.Config, error) {
	config, report, err := readConfig(c, path, settings.Process())
	if err != nil {
		return nil, err
	}
	config.WarnOfExamples(settings.Root(report))
	if !online {
		config.CheckTokens(settings.Root(report), storedToken)
	}
	s := newScreen(c)
	for _, p := range report.Problems() {
		state := check.Fail
		if p.Warning {
			state = check.Warn
		}
		switch {
		case !asJSON:
			fmt.Fprintln(c.ErrOrStderr(), p)
		default:
			if err := s.line(located{check.Finding{State: state, What: p.Path, Says: p.Rule, Cure: p.Hint}, p.File, p.Line, p.Column}); err != nil {
				return nil, err
			}
		}
	}
	if err := refused(report); err != nil {
		return nil, err
	}
	says := fmt.Sprintf("is valid: %d sync(s)", len(config.Syncs))
	if asJSON {
		return config, s.line(check.Finding{State: check.OK, What: report.File, Says: says})
	}
	s.print("%s %s\n", report.File, says)
	return config, nil
}

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
