package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

func sandboxCommand() *cobra.Command {
	var listen string
	var strict bool
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the strict TikTok simulator alone, for your own tests",
		Long: `Serve a simulator of TikTok's API for Business: it refuses what TikTok refuses, removes duplicates as TikTok does,
and shows what it holds. TikTok's own sandbox has neither events nor audiences.

Set connections.<name>.base_url to the printed address and access_token to ` + sandbox.DefaultToken + `.`,
		Example: "  tokrelay sandbox\n  tokrelay sandbox --listen 127.0.0.1:9000 --strict\n  curl -s localhost:8090/sandbox/state",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return serveSandbox(c, listen, strict)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "address to serve on")
	c.Flags().BoolVar(&strict, "strict", false, "refuse what a good client never sends, where TikTok might only warn")
	return c
}

func serveSandbox(c *cobra.Command, listen string, strict bool) error {
	config := sandbox.Config{}
	if strict {
		config.Refuse = sandbox.Strict()
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("serve sandbox: %w\ngive another address with --listen", err)
	}
	fmt.Fprintf(c.OutOrStdout(), "TikTok simulator on http://%s\n  advertiser %s, pixel %s, token %s\n  what it holds: http://%s/sandbox/\n",
		listener.Addr(), sandbox.DefaultAdvertiser, sandbox.DefaultPixel, sandbox.DefaultToken, listener.Addr())
	return serve(c.Context(), listener, sandbox.New(config))
}

// serve answers on the listener until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}
