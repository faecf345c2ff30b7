package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole product in one process, with broker, registry and TikTok as stand-ins",
		Long: `Start an embedded broker, schema registry and TikTok simulator, write changes of a shop's tables as Debezium would (bad
rows among them), and run the real daemon on them. The report at the end compares what went in with what TikTok holds.
On a terminal, or with --serve, it goes on serving the page until interrupted.`,
		Example: "  tokrelay demo\n  tokrelay demo --serve --listen 127.0.0.1:9010",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := net.ResolveTCPAddr("tcp", o.Listen); err != nil {
				return usageError{fmt.Errorf("--listen: %w", err)}
			}
			o.Out, o.Version = c.OutOrStdout(), version
			o.Terminal = term.IsTerminal(int(os.Stdout.Fd()))
			o.Serve = o.Serve || term.IsTerminal(int(os.Stdin.Fd()))
			err := demo.Run(c.Context(), o)
			if errors.Is(err, demo.ErrCheckFailed) {
				return errReported
			}
			return err
		},
	}
	c.Flags().BoolVar(&o.Serve, "serve", false, "go on serving the page after the report")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the page; another one is taken when it is in use")
	return c
}
