package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

func audienceShareCommand() *cobra.Command {
	var f changeFlags
	var to []string
	var dry bool
	c := &cobra.Command{
		Use: "share", Short: "Let other advertisers of the Business Center use an audience", Args: noArgs,
		Long: `Share a custom audience with other advertisers of the same Business Center: they see it in their lists and may use it in ads. Its owner alone
goes on filling and changing it. It shows the audience and asks; --dry-run shows it and does nothing. To share it with an advertiser again
does no harm. Sharing is ended in TikTok Ads Manager.`,
		Example: `  tokrelay audience share --sync newsletter --to 7000000000000000002 --dry-run
  tokrelay audience share --id 7100000000000000001 --to 7000000000000000002,7000000000000000003 --yes`,
		RunE: func(c *cobra.Command, _ []string) error { return audienceShare(c, &f, to, dry) },
	}
	f.addHarmless(c, "share")
	c.Flags().StringSliceVar(&to, "to", nil, "advertisers to share it with, up to 10")
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be done, and do nothing")
	return c
}

func audienceShare(c *cobra.Command, f *changeFlags, to []string, dry bool) error {
	if err := validateShared(to); err != nil {
		return usageError{err}
	}
	return changeAudience(c, f, &audienceChange{
		verb: "share", dry: dry,
		allowed: func(o *daemon.Owned) error {
			if o.HasExpired(time.Now()) {
				return fmt.Errorf("audience %s has expired: nothing was done, for it can only be deleted: tokrelay audience delete --id %s", o.ID, o.ID)
			}
			if slices.Contains(to, o.Advertiser) {
				return usageError{fmt.Errorf("--to: advertiser %s owns audience %s: nothing was done; name others", o.Advertiser, o.ID)}
			}
			return nil
		},
		warning: "Advertisers " + strings.Join(to, ", ") + " will be able to use it in ads.",
		do: func(o *daemon.Owned) error {
			if err := o.Share(c.Context(), to); err != nil {
				return fmt.Errorf("%w\nTikTok shares an audience within one Business Center alone, and with all of those advertisers or with none", err)
			}
			return nil
		},
	})
}

func validateShared(to []string) error {
	if len(to) == 0 || len(to) > audience.MostShared {
		return errors.New("--to: give 1 to 10 advertisers; for more, run it again")
	}
	for i, id := range to {
		switch {
		case !audience.IsID(id):
			return fmt.Errorf("--to: %q is not an advertiser's id: digits alone, as TikTok Ads Manager shows them", id)
		case slices.Contains(to[:i], id):
			return fmt.Errorf("--to: advertiser %s is named twice", id)
		}
	}
	return nil
}
