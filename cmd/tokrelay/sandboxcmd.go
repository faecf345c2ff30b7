package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// sandboxFlags are the choices of the command line.
type sandboxFlags struct {
	listen                  string
	strict, allowApp, rules bool
	refuse, advertisers     []string
}

func sandboxCommand() *cobra.Command {
	var f sandboxFlags
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the strict TikTok simulator alone, for your own tests",
		Long: `Serve a simulator of TikTok's API for Business: it refuses what TikTok refuses, removes duplicates as TikTok does,
and shows what it holds. TikTok's own sandbox has neither events nor audiences.

Set connections.<name>.base_url to the printed address and access_token to ` + sandbox.DefaultToken + `.

What TikTok is not known to refuse is accepted and counted as a warning; --strict refuses what a good client never sends, --refuse what
you name. --rules lists every rule, whether TikTok's own material confirms it, partners report it or it is a choice, and its switch.

Everything under /sandbox/ acts on the simulator itself, without a token:
  GET    /sandbox/state, /sandbox/events, /sandbox/calls, /sandbox/audiences/ID/members
  POST   /sandbox/faults             calls fail: {"endpoint":"/event/track/","code":40100,"count":3}; GET and DELETE as well
  POST   /sandbox/audiences/ID       {"is_creator":false}, {"expires":"2026-01-01T00:00:00Z"}, {"note":"..."}; DELETE removes it
  POST   /sandbox/pixelevents        events of browsers: {"pixel_code":"...","event":"Purchase","count":7,"attributed":2}
  POST   /sandbox/tokens, /sandbox/tokens/revoke, /sandbox/clock, /sandbox/reset
docs/sandbox.md describes them.`,
		Example: "  tokrelay sandbox\n  tokrelay sandbox --listen 127.0.0.1:9000 --strict\n  tokrelay sandbox --rules\n  curl -s localhost:8090/sandbox/state",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.rules {
				fmt.Fprint(c.OutOrStdout(), sandbox.RulesTable())
				return nil
			}
			return serveSandbox(c, f)
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8090", "address to serve on")
	c.Flags().BoolVar(&f.strict, "strict", false, "refuse what a good client never sends, where TikTok might only warn")
	c.Flags().StringSliceVar(&f.refuse, "refuse", nil, "refuse what these warnings are about, for example compressed,no_slash")
	c.Flags().BoolVar(&f.allowApp, "allow-app", false, "take events of apps, as for a developer whom TikTok has allowed them")
	c.Flags().StringSliceVar(&f.advertisers, "advertiser", nil, "another advertiser of the same Business Center, to share audiences with")
	c.Flags().BoolVar(&f.rules, "rules", false, "list the rules, and serve nothing")
	return c
}

// config is the simulator that was asked for.
func (f sandboxFlags) config() (sandbox.Config, error) {
	config := sandbox.Config{AllowApp: f.allowApp, Audiences: int(time.Now().Unix()), Advertisers: sandbox.BusinessCenter(f.advertisers...)}
	if f.strict {
		config.Refuse = sandbox.Strict()
	}
	for _, name := range f.refuse {
		if !slices.Contains(sandbox.Warnings(), sandbox.Warning(name)) {
			return config, fmt.Errorf("serve sandbox: --refuse %s: there is no such warning; tokrelay sandbox --rules lists them", name)
		}
		config.Refuse = append(config.Refuse, sandbox.Warning(name))
	}
	return config, nil
}

func serveSandbox(c *cobra.Command, f sandboxFlags) error {
	config, err := f.config()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("serve sandbox: %w\ngive another address with --listen", err)
	}
	app := ""
	if f.allowApp {
		app = "app " + sandbox.DefaultTikTokApp + ", "
	}
	fmt.Fprintf(c.OutOrStdout(), "TikTok simulator on http://%s\n  advertiser %s, pixel %s, %stoken %s\n  what it holds: http://%s/sandbox/\n",
		listener.Addr(), sandbox.DefaultAdvertiser, sandbox.DefaultPixel, app, sandbox.DefaultToken, listener.Addr())
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
