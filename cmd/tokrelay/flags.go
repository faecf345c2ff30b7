package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// What all commands do alike with their flags and arguments.

const (
	defaultConfig = "tokrelay.yaml"
	fromStdin     = "-"
	stdinName     = "stdin" // of problems
)

// configPath is the value of --config: one file, since nothing merges several.
type configPath struct {
	path  *string
	given bool
}

func (p *configPath) String() string { return *p.path }
func (p *configPath) Type() string   { return "file" }

func (p *configPath) Set(path string) error {
	if p.given && path != *p.path { // the same again: completion reads the flags several times
		return errors.New("one configuration is read, and it was named before; parts that files share go into variables: ${VAR} or ${file:PATH}")
	}
	*p.path, p.given = path, true
	return nil
}

func configFlag(c *cobra.Command, path *string) {
	*path = cmp.Or(os.Getenv("TOKRELAY_CONFIG"), defaultConfig)
	flag := c.Flags().VarPF(&configPath{path: path}, "config", "c", "configuration file, or - for standard input; TOKRELAY_CONFIG names another default")
	flag.DefValue = defaultConfig
	c.MarkFlagFilename("config", "yaml", "yml")
}

// flagError says what was meant by a flag that does not exist.
func flagError(c *cobra.Command, err error) error {
	hint := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
		hint = meant("--"+unknown.GetSpecifiedName(), known)
	}
	return usageError{fmt.Errorf("%w%s\nsee %s --help", err, hint, c.CommandPath())}
}

// commandNeeded refuses arguments of a command that only has commands.
func commandNeeded(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range c.Commands() {
		known = append(known, sub.Name())
	}
	return usageError{fmt.Errorf("unknown command %q for %s%s\nsee %s --help", args[0], c.CommandPath(), meant(args[0], known), c.CommandPath())}
}

// meant asks, behind a colon, for the word that was probably meant; "" where none is near.
func meant(word string, known []string) string {
	if near := settings.DidYouMean(word, known); near != "" {
		return ": " + near
	}
	return ""
}

// noArgs takes a file of YAML for the configuration, and refuses other arguments as a mistake of usage.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	config := c.Flags().Lookup("config")
	if config != nil && len(args) == 1 && (strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml")) {
		if err := config.Value.Set(args[0]); err != nil {
			return usageError{fmt.Errorf("%s: %w", args[0], err)}
		}
		return nil
	}
	hint := ""
	if c.Flags().Lookup("sync") != nil {
		hint = ": a sync is named by --sync " + args[0]
	}
	return usageError{fmt.Errorf("%s takes no argument %q%s\nsee %s --help", c.CommandPath(), args[0], hint, c.CommandPath())}
}

// completeNames has the shell complete the names of syncs and connections, in all commands below.
func completeNames(c *cobra.Command) {
	for _, sub := range c.Commands() {
		completeNames(sub)
	}
	config := c.Flags().Lookup("config")
	if config == nil {
		return
	}
	for flag, of := range map[string]func(*daemon.Config) []string{
		"sync":       func(config *daemon.Config) []string { return syncNames(config, nil) },
		"connection": connectionNames,
	} {
		if c.Flags().Lookup(flag) == nil {
			continue
		}
		_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			env := settings.Process()
			env.Absent = func(string) {}
			read, _, err := daemon.Load(config.Value.String(), env)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return of(read), cobra.ShellCompDirectiveNoFileComp
		}) // the flag exists
	}
}
