package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/events/counted"
)

// statsFlags are what stats is asked for.
type statsFlags struct {
	config, sync string
	days         int
	json         bool
}

func statsCommand() *cobra.Command {
	var f statsFlags
	c := &cobra.Command{
		Use: "stats", Short: "Compare how many events were sent with how many TikTok counts", Args: noArgs,
		Long: `Show per day, pixel and event name how many events all instances sent, and how many TikTok counts: in all (its server events and those
of browsers), and of them attributed to an advertisement. TikTok gives these counts of pixels alone; of offline and CRM event sets only
what was sent is shown. Legacy names appear as TikTok reports them: CompletePayment is Purchase, SubmitForm is Lead.

Days are of UTC. TikTok's statistics come late: compare a day that has been over for a day. Sent are the events that TikTok accepted, on
the day of sending, without test events. Rows that were read again after a restart or a resync were sent, and count, again; TikTok counts
an event_id once in 48 hours, and one that the browser's pixel sent as well once. What an instance had counted in the half minute
before it was killed is missing.

The exit code is 1 where TikTok's count could not be read.`,
		Example: "  tokrelay stats\n  tokrelay stats --sync purchases --days 3\n  tokrelay stats --json | jq '.lines[] | select(.tiktok.total < .sent)'",
		RunE:    func(c *cobra.Command, _ []string) error { return stats(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "only what this sync sends")
	c.Flags().IntVar(&f.days, "days", counted.Window, "how many days, today among them: 1 to 30")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func stats(c *cobra.Command, f *statsFlags) error {
	if f.days < 1 || f.days > 30 {
		return usageError{errors.New("--days must be between 1 and 30: TikTok answers for no more")}
	}
	config, err := loadConfig(c, f.config)
	if err != nil {
		return err
	}
	if err := eventsOf(config, f.sync); err != nil {
		return err
	}
	w, err := daemon.Wire(config, quiet())
	if err != nil {
		return err
	}
	defer w.Close()
	if err := reach(c.Context(), w.Admin, config.Kafka, f.config); err != nil {
		return err
	}
	comparison, err := w.CompareCounted(c.Context(), f.days)
	if err != nil {
		return err
	}
	if f.sync != "" {
		comparison.Only(f.sync)
	}
	s := newScreen(c)
	if f.json {
		err = s.json(comparison)
	} else {
		s.counted(comparison)
	}
	if err == nil && len(comparison.Problems) > 0 {
		err = fmt.Errorf("TikTok's count is not complete; `%s` reports what the token may do", toCopy(f.config, "check --online"))
	}
	return err
}

// eventsOf refuses a sync that sends no events; without one, a configuration that has none.
func eventsOf(config *daemon.Config, name string) error {
	if name != "" {
		s, err := config.Sync(name)
		if err != nil {
			return usageError{fmt.Errorf("--sync: %w", err)}
		}
		if s.Kind() != daemon.KindEvents {
			return usageError{fmt.Errorf("sync %s sends no events: tokrelay audience show --sync %s shows what TikTok holds of its audience", name, name)}
		}
		return nil
	}
	if !slices.ContainsFunc(config.Syncs, func(s daemon.Sync) bool { return s.Kind() == daemon.KindEvents }) {
		return errors.New("no sync of the configuration sends events")
	}
	return nil
}

// counted prints a comparison.
func (s *screen) counted(c *counted.Comparison) {
	if len(c.Lines) == 0 {
		s.print("No event was sent on these days.\n")
	} else {
		rows := [][]string{}
		uncounted := map[string]bool{}
		for i := range c.Lines {
			l := &c.Lines[i]
			row := []string{l.Day, l.Source, l.Event, thousands(l.Sent), "-", "-", "-", "-"}
			if n := l.Counted; n != nil {
				row = append(row[:4], thousands(n.Total), thousands(n.Server), thousands(n.Browser), thousands(n.Attributed))
			} else if l.Kind != "web" {
				uncounted[l.Kind] = true
			}
			rows = append(rows, row)
		}
		s.table([]string{"DAY", "PIXEL", "EVENT", "SENT", "TIKTOK COUNTS", "SERVER", "BROWSER", "ATTRIBUTED"}, rows)
		for _, kind := range slices.Sorted(maps.Keys(uncounted)) {
			s.note("TikTok gives no counts of %s event sets.\n", kind)
		}
		s.note("Days are of UTC; TikTok's counts of the last two are not complete yet.\n")
	}
	for _, p := range c.Problems {
		s.note("%s\n", s.paint(red, p))
	}
}
