package main

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

//go:embed example.yaml
var example []byte

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "tokrelay.yaml", "configuration file")
	c.MarkFlagFilename("config", "yaml", "yml")
}

// loadConfig reads the file and prints every problem and warning of it. A configuration with problems is a usage error.
func loadConfig(c *cobra.Command, path string) (*daemon.Config, error) {
	config, report, err := daemon.Load(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("%w\nsee tokrelay config example", err)}
	}
	problems := 0
	for _, p := range report.Problems() {
		kind := "error"
		if p.Warning {
			kind = "warning"
		} else {
			problems++
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s: %s\n", path, kind, p)
	}
	if problems > 0 {
		return nil, usageError{fmt.Errorf("%s has %d problem(s)", path, problems)}
	}
	return config, nil
}

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Print an example configuration, its JSON Schema, or the effective one"}
	c.AddCommand(
		&cobra.Command{
			Use: "example", Short: "Print a complete, commented configuration", Args: noArgs,
			Example: "  tokrelay config example > tokrelay.yaml",
			RunE: func(c *cobra.Command, _ []string) error {
				_, err := c.OutOrStdout().Write(example)
				return err
			},
		},
		&cobra.Command{
			Use: "schema", Short: "Print the configuration's JSON Schema, for editors", Args: noArgs,
			Example: "  tokrelay config schema > tokrelay.schema.json\n  # first line of tokrelay.yaml:\n  # yaml-language-server: $schema=tokrelay.schema.json",
			RunE: func(c *cobra.Command, _ []string) error {
				out := json.NewEncoder(c.OutOrStdout())
				out.SetIndent("", "  ")
				out.SetEscapeHTML(false)
				return out.Encode(settings.Schema(daemon.Config{}))
			},
		},
		printCommand(),
	)
	return c
}

func printCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "print", Short: "Print the configuration as it takes effect, secrets redacted", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(settings.Effective(config))
			return err
		},
	}
	configFlag(c, &path)
	return c
}

func checkCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:     "check",
		Short:   "Validate the configuration: every problem at once, with line and path",
		Example: "  tokrelay check -c tokrelay.yaml",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is valid: %d sync(s)\n", path, len(config.Syncs))
			return nil
		},
	}
	configFlag(c, &path)
	return c
}
