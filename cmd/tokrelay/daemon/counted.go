package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/sinks/events/counted"
)

// countedAccounts are the advertisers whose pixels the syncs send events to, in the order of the configuration.
func (w *Wiring) countedAccounts() (all []counted.Account) {
	for i := range w.Config.Syncs {
		s := &w.Config.Syncs[i]
		if s.Kind() != KindEvents {
			continue
		}
		at := slices.IndexFunc(all, func(a counted.Account) bool { return a.Advertiser == s.advertiser })
		if at < 0 {
			at = len(all)
			all = append(all, counted.Account{API: Unhurried{w.connectionOf(s).client}, Advertiser: s.advertiser})
		}
		all[at].Syncs = append(all[at].Syncs, s.Name)
	}
	return all
}

// Counted is what was sent of events against what TikTok counts, as it was last read; nil before the first reading.
func (d *Daemon) Counted() *counted.Comparison { return d.counted.Last() }

// CompareCounted asks TikTok now, for the last days, today among them.
func (w *Wiring) CompareCounted(ctx context.Context, days int) (*counted.Comparison, error) {
	accounts := w.countedAccounts()
	there, err := w.Admin.Topics(ctx, w.Config.StateTopic)
	if err != nil {
		return nil, fmt.Errorf("read the state topic: %w", err)
	}
	if len(there) == 0 || len(accounts) == 0 {
		return &counted.Comparison{Time: time.Now()}, nil // no instance has run yet
	}
	return counted.Compare(ctx, w.State, accounts, time.Now(), counted.Days(time.Now(), days))
}
