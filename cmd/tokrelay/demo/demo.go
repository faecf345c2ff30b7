// Package demo tells the story of the first minute: an embedded broker, schema registry and TikTok simulator, a shop
// whose tables change, and the real daemon between them. It knows what has to become of every row before the daemon sees
// it, and checks at the end that it did.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/debugger"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

//go:embed demo.yaml
var config []byte

// Options say where the demo talks and whether it stays.
type Options struct {
	Out      io.Writer
	Version  string
	Terminal bool   // Out is a terminal: show a live line
	Serve    bool   // go on serving the page after the report
	Listen   string // address of the page
}

// ErrCheckFailed says that the report's check found rows lost, doubled or with another fate than they should have.
var ErrCheckFailed = errors.New("the demo's check failed")

// Run tells the story and prints the report.
func Run(ctx context.Context, o Options) error {
	s, err := startStandIns()
	if err != nil {
		return err
	}
	defer s.close()
	story, err := newStory(s)
	if err != nil {
		return err
	}
	listener, err := listen(o.Listen)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "tokrelay-demo-")
	if err != nil {
		return fmt.Errorf("make a work folder: %w", err)
	}
	defer os.RemoveAll(folder)
	uploads := &clock{}
	d, err := newDaemon(s, listener.Addr().String(), folder, uploads, o)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.RunOn(running, listener) }()
	greet(o, s, listener.Addr().String())
	start := time.Now()
	if err := tell(ctx, s, story, d, o); err != nil {
		return err
	}
	j := newJudge(story, d, s)
	if j.uploads, err = story.files(ctx, s, d, uploads); err != nil {
		return err
	}
	ok := report(o.Out, j, time.Since(start))
	if o.Serve && ctx.Err() == nil {
		fmt.Fprintf(o.Out, "\nThe page stays at http://%s and TikTok's stand-in at %s/sandbox/. Ctrl-C ends the demo.\n", listener.Addr(), s.address)
		<-ctx.Done()
	}
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	if !ok {
		return ErrCheckFailed
	}
	return nil
}

func newStory(s *standIns) (*story, error) {
	story := &story{shop: newShop(7, time.Now())}
	for name, t := range map[string]**table{"orders": &story.orders, "signups": &story.signups, "customers": &story.customers} {
		var err error
		if *t, err = addTable(s.registry, name); err != nil {
			return nil, err
		}
	}
	if err := story.write(); err != nil {
		return nil, err
	}
	story.trouble(s.tiktok)
	story.redeliver(400)
	return story, nil
}

// listen takes another port when the wanted one is in use: a demo should not fail for that.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		return listener, nil
	}
	listener, other := net.Listen("tcp", "127.0.0.1:0")
	if other != nil {
		return nil, fmt.Errorf("serve the page: %w", err)
	}
	return listener, nil
}

func newDaemon(s *standIns, admin, folder string, uploads *clock, o Options) (*daemon.Daemon, error) {
	c, problems := daemon.Parse(config, settings.Vars(map[string]string{
		"BROKER": s.broker.ListenAddrs()[0], "REGISTRY": s.registry.URL(), "TIKTOK": s.address,
		"TOKEN": sandbox.DefaultToken, "LISTEN": admin, "FOLDER": folder,
	}))
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("the demo's configuration: %w", err)
	}
	return daemon.New(c, daemon.Options{Log: slog.New(slog.DiscardHandler), Version: o.Version, Now: uploads.now, Page: debugger.New})
}

func greet(o Options, s *standIns, page string) {
	fmt.Fprintf(o.Out, `tokrelay demo. The broker, the schema registry and TikTok are stand-ins inside this process;
everything between them is the real daemon. No data leaves this machine.

  page      http://%s
  broker    %s (kfake)
  registry  %s (srfake)
  TikTok    %s/sandbox/ (the strict simulator)

`, page, s.broker.ListenAddrs()[0], s.registry.URL(), s.address)
}

// burst and pace let the story take a few seconds, so that there is something to watch.
const (
	burst = 600
	pace  = 100 * time.Millisecond
)

// tell writes the story and waits until the daemon has settled and committed all of it.
func tell(ctx context.Context, s *standIns, story *story, d *daemon.Daemon, o Options) error {
	line := progress{o, len(story.records)}
	err := s.produce(ctx, story.records, burst, func(done int) error {
		line.show(d, done)
		return pipeline.Wait(ctx, pace)
	})
	if err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for !d.CaughtUp(deadline) {
		line.show(d, len(story.records))
		if err := pipeline.Wait(deadline, pace); err != nil {
			line.end()
			return fmt.Errorf("the daemon did not settle every row in a minute: %w", err)
		}
	}
	line.end()
	return nil
}

// trouble is what TikTok does in the story: a burst of throttling, a server error, and one row it refuses for a reason
// of its own; TikTok names no row.
func (s *story) trouble(tiktok *sandbox.Sandbox) {
	tiktok.AddFault(sandbox.Fault{Name: "throttle", Endpoint: "/event/track/", Skip: 8, Count: 2, Code: 40100, Message: "Too many requests. Please retry in some time."})
	tiktok.AddFault(sandbox.Fault{Name: "server error", Endpoint: "/event/track/", Skip: 20, Count: 2, HTTPStatus: 502})
	for i := range s.records {
		f := &s.records[i].fate
		if f.sync == "orders" && f.outcome == pipeline.Delivered && !f.repeated && i > len(s.records)/3 {
			tiktok.AddFault(sandbox.Fault{Name: "refused row", Endpoint: "/event/track/", ID: s.records[i].eventID, Code: 40002, Message: sandbox.RowMessage})
			f.outcome, f.reason = pipeline.DeadLettered, pipeline.RefusedByTikTok
			return
		}
	}
}
