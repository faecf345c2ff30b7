package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// orderFlags are what pause and resume are asked for.
type orderFlags struct{ config, sync, why string }

func (f *orderFlags) add(c *cobra.Command, sync string) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", sync+"; may be left out when there is one")
	c.Flags().StringVar(&f.why, "why", "", "why, for the log and the page of every instance")
}

func pauseCommand() *cobra.Command {
	var f orderFlags
	c := &cobra.Command{
		Use:   "pause",
		Short: "Have all instances of a sync send nothing until it is resumed",
		Long: `Pause a sync on purpose: all its instances obey within a few seconds, also those that start later. No call begins and no dead
letter is written; calls in flight end. Rows wait in Kafka, and lag grows. An upload of a file audience that has begun is finished.

The state topic keeps it. tokrelay_trouble{kind="paused"}, /readyz?verbose, the log and the page show who asked, when, and why.
Replays (tokrelay dlq replay) and tokrelay audience upload are not held by it.`,
		Example: `  tokrelay pause --sync purchases --why "wrong pixel, see ticket 17"`,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return pause(c, &f) },
	}
	f.add(c, "sync to pause")
	return c
}

func pause(c *cobra.Command, f *orderFlags) error {
	return f.give(c, func(screen *screen, s *daemon.Sync, last daemon.Order) (*daemon.Order, error) {
		if last.Paused && f.why == "" {
			screen.print("sync %s is paused already, %s: nothing to do\n", s.Name, last)
			return nil, nil
		}
		return &daemon.Order{Paused: true}, nil
	})
}

func resumeCommand() *cobra.Command {
	var f orderFlags
	var accept string
	var yes bool
	c := &cobra.Command{
		Use:   "resume",
		Short: "Let a sync go on that was paused, or stopped for too many rejected rows",
		Long: `Let all instances of a sync go on within a few seconds: one that was paused, and one that rejected_share stopped. Rows that were
refused before it stopped are dead-lettered, and rejected_share counts from the beginning: if rows are still rejected, it stops again.

With --accept-rejections it does not stop for that long, and rejected rows are dead-lettered; so do
instances that start meanwhile. Then the last rows count again.

A mapping that is corrected needs a restart and no resume: rows that were held are read again.`,
		Example: `  tokrelay resume --sync purchases
  tokrelay resume --sync purchases --accept-rejections 24h --yes`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return resume(c, &f, accept, yes) },
	}
	f.add(c, "sync to resume")
	c.Flags().StringVar(&accept, "accept-rejections", "", "dead-letter rejected rows, however many, for this long: 30m, 24h, at most 7d")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func resume(c *cobra.Command, f *orderFlags, accept string, yes bool) error {
	long, err := acceptTime(accept)
	if err != nil {
		return err
	}
	return f.give(c, func(screen *screen, s *daemon.Sync, last daemon.Order) (*daemon.Order, error) {
		if !last.Paused {
			screen.print("sync %s is not paused: this is for instances that rejected_share stopped\n", s.Name)
		}
		if long == 0 {
			return &daemon.Order{}, nil
		}
		until := time.Now().Add(long)
		question := fmt.Sprintf("Dead-letter rejected rows of %s, however many, until %s?", s.Name, until.UTC().Format(time.RFC3339))
		return &daemon.Order{Accept: until}, screen.confirm(question, yes)
	})
}

// acceptTime reads how long rejected rows are accepted; 0 without the flag.
func acceptTime(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	long, ok := settings.ParseDuration(text)
	if !ok || long <= 0 || long > daemon.MostAccepted {
		return 0, usageError{errors.New("--accept-rejections must be a time of at most 7d, such as 30m or 24h; for longer set rejected_share.share")}
	}
	return long, nil
}

// give leaves the order that make returns, if any, for all instances of the sync.
func (f *orderFlags) give(c *cobra.Command, make func(*screen, *daemon.Sync, daemon.Order) (*daemon.Order, error)) error {
	d, err := openDesk(c, f.config, c.Name())
	if err != nil {
		return err
	}
	defer d.close()
	s, err := pickSync(d.config, f.sync)
	if err != nil {
		return err
	}
	w, err := daemon.Wire(d.config, quiet())
	if err != nil {
		return err
	}
	defer w.Close()
	last, err := w.LastOrder(c.Context(), s.Name)
	if err != nil {
		return err
	}
	o, err := make(d.screen, s, last)
	if err != nil || o == nil {
		return err
	}
	o.At, o.By, o.Why = time.Now(), daemon.Command(), f.why
	if err := w.Give(c.Context(), s.Name, *o); err != nil {
		return err
	}
	return d.ordered(c.Context(), s, o)
}

// ordered says what comes of an order.
func (d *desk) ordered(ctx context.Context, s *daemon.Sync, o *daemon.Order) error {
	what := "resumed"
	switch {
	case o.Paused:
		what = "paused"
	case !o.Accept.IsZero():
		what += " and has rejected rows dead-lettered until " + o.Accept.UTC().Format(time.RFC3339)
	}
	if s.Kind() == daemon.KindFile {
		d.screen.print("sync %s is %s: its instances obey within %s\n", s.Name, what, daemon.ObeyedWithin)
		return nil
	}
	members, err := d.admin.Members(ctx, d.config.GroupOf(s))
	if err != nil {
		return err
	}
	if len(members) == 0 {
		d.screen.print("sync %s is %s; no instance of it runs: it begins so when it is started\n", s.Name, what)
		return nil
	}
	d.screen.print("sync %s is %s: its %d instance(s) obey within %s\n", s.Name, what, len(members), daemon.ObeyedWithin)
	return nil
}
