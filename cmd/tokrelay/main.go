// Command tokrelay keeps TikTok up to date with warehouse change data from Kafka. This package is flags and subcommands;
// daemon joins the steps and sinks, demo tells the story of the first minute.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// version is set by the linker.
var version = "dev"

// Exit codes, documented in docs/operations.
const (
	exitDone      = 0
	exitError     = 1
	exitUsage     = 2 // bad usage or configuration
	exitUndrained = 3 // the drain deadline was missed; rows will come again
	exitBehind    = 3 // of status: a sync is behind, or runs nowhere
	exitHeld      = 4 // of status: a sync is held up until someone acts
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signals()
	defer stop()
	root := command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if said := lastWords(ctx, err); said != "" {
		fmt.Fprintln(os.Stderr, "tokrelay:", said)
	}
	return exitCode(err)
}

// lastWords are what is said of a command's error. After Ctrl-C that the context was cancelled says nothing new.
func lastWords(ctx context.Context, err error) string {
	switch {
	case err == nil || errors.Is(err, errReported):
		return ""
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return err.Error()
}

// errReported is a failure whose words are already on the screen.
var errReported = errors.New("reported")

// usageError is a mistake in the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	_, usage := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return exitDone
	case usage:
		return exitUsage
	case errors.Is(err, daemon.ErrUndrained):
		return exitUndrained
	case errors.Is(err, errBehind):
		return exitBehind
	case errors.Is(err, errHeld):
		return exitHeld
	}
	return exitError
}

// signals gives a context that ends at the first SIGINT or SIGTERM; the second one ends the process at once.
func signals() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	heard := make(chan os.Signal, 2)
	signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-heard
		cancel()
		<-heard
		os.Exit(exitError) //revive:disable-line:deep-exit the second signal: nothing deferred may hold the process any more
	}()
	return ctx, cancel
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "tokrelay",
		Short: "Keep TikTok up to date with your warehouse, row by row, from Kafka",
		Example: `  tokrelay demo                                  # the whole product in one process
  tokrelay config example > tokrelay.yaml        # then make it yours
  tokrelay check --online
  tokrelay run
  tokrelay status                                # up to date, behind or held, over all instances
  tokrelay find ada@example.com                  # what became of a person, an event or a row
  tokrelay dlq list                              # what was rejected, and why`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          commandNeeded,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("tokrelay {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(runCommand(), statusCommand(), findCommand(), demoCommand(), checkCommand(), previewCommand(), rehearseCommand(), sandboxCommand(), configCommand(), versionCommand(),
		dlqCommand(), pauseCommand(), resumeCommand(), actionsCommand(), resyncCommand(), skipCommand(), statsCommand(), authCommand(), audienceCommand())
	completeNames(root)
	return root
}

// quiet are the options of a command that works with a configuration and logs nothing.
func quiet() daemon.Options {
	return daemon.Options{Version: version, Commit: commit(), Stored: storedToken}
}

// group is a command that only has commands.
func group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.Args, c.RunE = commandNeeded, func(c *cobra.Command, _ []string) error { return c.Help() }
	c.AddCommand(commands...)
	return c
}
