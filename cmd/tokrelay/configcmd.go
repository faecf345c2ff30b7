package main

import (
	_ "embed"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

//go:embed example.yaml
var example []byte

// loadConfig reads the file and prints every problem of it; a configuration with problems is a usage error. Its warnings
// are left to the commands that are about the configuration: someone who repairs rows has other things to read.
func loadConfig(c *cobra.Command, path string) (*daemon.Config, error) {
	return loadWith(c, path, settings.Process(), false)
}

// loadAloud is loadConfig that prints warnings too.
func loadAloud(c *cobra.Command, path string) (*daemon.Config, error) {
	return loadWith(c, path, settings.Process(), true)
}

// loadOffline is loadConfig for a command that connects to nothing: it can do without secrets, so a missing variable is a
// warning.
func loadOffline(c *cobra.Command, path string) (*daemon.Config, error) {
	return loadWithout(c, path, "this command connects to nothing and does without")
}

// loadTokenless is loadConfig for a command that does not call TikTok.
func loadTokenless(c *cobra.Command, path string) (*daemon.Config, error) {
	return loadWithout(c, path, "this command does not call TikTok, and does without if it is a token of TikTok's")
}

func loadWithout(c *cobra.Command, path, why string) (*daemon.Config, error) {
	env := settings.Process()
	env.Absent = func(name string) {
		fmt.Fprintf(c.ErrOrStderr(), "%s: warning: the variable %s is not set; %s\n", path, name, why)
	}
	return loadWith(c, path, env, true)
}

func loadWith(c *cobra.Command, path string, env settings.Lookup, aloud bool) (*daemon.Config, error) {
	config, report, err := readConfig(c, path, env)
	if err != nil {
		return nil, err
	}
	for _, p := range report.Problems() {
		if !p.Warning || aloud {
			fmt.Fprintln(c.ErrOrStderr(), p)
		}
	}
	return config, refused(report)
}

// readConfig reads the file, or standard input.
func readConfig(c *cobra.Command, path string, env settings.Lookup) (*daemon.Config, *settings.Report, error) {
	if path == fromStdin {
		text, err := io.ReadAll(c.InOrStdin())
		if err != nil {
			return nil, nil, fmt.Errorf("read the configuration from standard input: %w", err)
		}
		config, report := daemon.Parse(text, env)
		report.File = stdinName
		return config, report, nil
	}
	config, report, err := daemon.Load(path, env)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("%w\n-c names another file; `tokrelay config example > %s` writes one to begin with", err, path)}
	}
	return config, report, nil
}

// refused is a mistake of usage where the configuration has problems, which are on the screen.
func refused(report *settings.Report) error {
	problems := 0
	for _, p := range report.Problems() {
		if !p.Warning {
			problems++
		}
	}
	if problems == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s has %d problem(s)", report.File, problems)}
}

func configCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "config", Short: "Print an example configuration, its JSON Schema, or the effective one",
		Example: "  tokrelay config example > tokrelay.yaml\n  tokrelay config print -c tokrelay.yaml",
	}, exampleCommand(), schemaCommand(), printCommand())
}

func exampleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a complete, commented configuration", Args: noArgs,
		Example: "  tokrelay config example > tokrelay.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(example)
			return err
		},
	}
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the configuration's JSON Schema, for editors", Args: noArgs,
		Example: "  tokrelay config schema > tokrelay.schema.json\n  # first line of tokrelay.yaml:\n  # yaml-language-server: $schema=tokrelay.schema.json",
		RunE:    func(c *cobra.Command, _ []string) error { return newScreen(c).json(settings.Schema(daemon.Config{})) },
	}
}

func printCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "print", Short: "Print the configuration as it takes effect, secrets redacted", Args: noArgs,
		Example: "  tokrelay config print -c tokrelay.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadAloud(c, path)
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
