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

// changeFlags are what a command that changes an audience at TikTok is asked for.
type changeFlags struct {
	config, id, sync    string
	althoughFilled, yes bool
}

func (f *changeFlags) add(c *cobra.Command, what string) {
	f.addHarmless(c, what)
	c.Flags().BoolVar(&f.althoughFilled, "although-filled", false, what+" it although a sync of the configuration fills it")
}

// addHarmless adds the flags of a change that a sync which fills the audience does not notice.
func (f *changeFlags) addHarmless(c *cobra.Command, what string) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.id, "id", "", "id of the audience to "+what+": tokrelay audience list shows it")
	c.Flags().StringVar(&f.sync, "sync", "", "the audience that this sync fills, instead of an id")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
}

// audienceChange is what a command does to an audience at TikTok.
type audienceChange struct {
	verb    string                      // delete
	dry     bool                        // show it, and do nothing
	allowed func(o *daemon.Owned) error // nil: TikTok lets it be done
	warning string
	then    func(o *daemon.Owned, f daemon.Filler) string // what becomes of a sync that fills it; nil: nothing
	do      func(o *daemon.Owned) error
}

// changeAudience shows the audience, asks, and changes it. One that a sync of the configuration fills takes more than a yes.
func changeAudience(c *cobra.Command, f *changeFlags, change *audienceChange) error {
	if (f.id == "") == (f.sync == "") {
		return usageError{errors.New("give --id or --sync: which audience is meant; tokrelay audience list shows those there are")}
	}
	d, err := openDesk(c, f.config, "audience")
	if err != nil {
		return err
	}
	defer d.close()
	all, err := d.owned(c)
	if err != nil {
		return err
	}
	o, err := f.pick(d.config, all)
	if err != nil {
		return usageError{err}
	}
	d.screen.audiences([]audience.Details{o.Details}, time.Time{})
	if err := change.refuse(o, f); err != nil {
		return err
	}
	return d.change(o, change, f.yes)
}

// owned lists the audiences. The parts of a daemon that does not run know how.
func (d *desk) owned(c *cobra.Command) ([]daemon.Owned, error) {
	parts, err := daemon.New(d.config, quiet())
	if err != nil {
		return nil, err
	}
	defer parts.Wiring.Close()
	return parts.Owned(c.Context())
}

// pick finds the audience that is meant.
func (f *changeFlags) pick(config *daemon.Config, all []daemon.Owned) (*daemon.Owned, error) {
	if f.id != "" {
		if i := slices.IndexFunc(all, func(o daemon.Owned) bool { return o.ID == f.id }); i >= 0 {
			return &all[i], nil
		}
		return nil, fmt.Errorf("--id: no advertiser of the configuration has an audience %s; tokrelay audience list shows those there are", f.id)
	}
	if _, err := pickAudience(config, f.sync, []string{daemon.KindSegment, daemon.KindFile}); err != nil {
		return nil, err
	}
	meant := slices.DeleteFunc(all, func(o daemon.Owned) bool {
		return !slices.ContainsFunc(o.Fillers, func(by daemon.Filler) bool { return by.Sync.Name == f.sync })
	})
	switch len(meant) {
	case 0:
		return nil, fmt.Errorf("--sync: TikTok holds no audience that %s fills", f.sync)
	case 1:
		return &meant[0], nil
	}
	return nil, fmt.Errorf("--sync: %s fills %d audiences: give the one that is meant by --id; tokrelay audience show --sync %s shows them", f.sync, len(meant), f.sync)
}

// refuse is why the audience is not changed, nil for no reason.
func (c *audienceChange) refuse(o *daemon.Owned, f *changeFlags) error {
	if !o.Ours() {
		return fmt.Errorf("audience %s belongs to another account (%s), which only shares it with advertiser %s: nothing was done; only its owner can %s it", o.ID, o.Owner, o.Advertiser, c.verb)
	}
	if err := c.allowed(o); err != nil {
		return err
	}
	if len(o.Fillers) == 0 || f.althoughFilled || c.then == nil {
		return nil
	}
	return usageError{fmt.Errorf("audience %s is filled by %s: nothing was done\n%sto %s it all the same, give --although-filled",
		o.ID, strings.Join(fillerNames(o), ", "), c.outcome(o), c.verb)}
}

// outcome says what becomes of the syncs that fill the audience, one a line.
func (c *audienceChange) outcome(o *daemon.Owned) (lines string) {
	if c.then == nil {
		return ""
	}
	for _, f := range o.Fillers {
		lines += f.Sync.Name + ": " + c.then(o, f) + "\n"
	}
	return lines
}

func fillerNames(o *daemon.Owned) (names []string) {
	for _, f := range o.Fillers {
		names = append(names, f.Sync.Name)
	}
	return names
}

// change asks and does it.
func (d *desk) change(o *daemon.Owned, change *audienceChange, yes bool) error {
	d.screen.note("%s\n%s", change.warning, change.outcome(o))
	if change.dry {
		d.screen.print("would %s audience %s; nothing was done\n", change.verb, o.ID)
		return nil
	}
	question := fmt.Sprintf("Really %s audience %q (id %s) of advertiser %s?", change.verb, o.Name, o.ID, o.Advertiser)
	if err := d.screen.confirm(question, yes); err != nil {
		return err
	}
	if err := change.do(o); err != nil {
		return err
	}
	d.screen.print("%sd audience %s\n", change.verb, o.ID)
	return nil
}
