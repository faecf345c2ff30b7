package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

func audienceDeleteCommand() *cobra.Command {
	var f changeFlags
	c := &cobra.Command{
		Use: "delete", Short: "Delete an audience at TikTok, for good", Args: noArgs,
		Long: `Delete a custom audience at TikTok: one that has expired, which TikTok lets nobody use or change any more, or one that is not
needed any longer. It shows the audience and asks. TikTok cannot bring a deleted audience back, and takes no account of ads that use it: look
in TikTok Ads Manager first.

An audience that a sync of the configuration fills is deleted with --although-filled alone. Then a file audience that is named is made again by
the next upload, under another id; a streamed one holds its rows until ` + "`tokrelay resync --sync NAME --recreate`" + ` fills it from the start. Audiences
that other configurations fill look like any other here.`,
		Example: `  tokrelay audience delete --id 7100000000000000001
  tokrelay audience delete --sync lapsed --although-filled --yes`,
		RunE: func(c *cobra.Command, _ []string) error { return audienceDelete(c, &f) },
	}
	f.add(c, "delete")
	return c
}

func audienceDelete(c *cobra.Command, f *changeFlags) error {
	return changeAudience(c, f, &audienceChange{
		verb:    "delete",
		allowed: func(*daemon.Owned) error { return nil },
		warning: "A deleted audience cannot be brought back, and ads that use it lose it.",
		then:    afterDelete,
		do: func(o *daemon.Owned) error {
			if err := o.Delete(c.Context()); err != nil {
				return fmt.Errorf("%w\nthe audience may be there still: tokrelay audience list shows it; it may be deleted again", err)
			}
			gone, err := o.Gone(c.Context())
			if err == nil && !gone {
				newScreen(c).note("TikTok has accepted it and lists the audience still: look again with tokrelay audience list\n")
			}
			return nil
		},
	})
}

// afterDelete is what a sync does once its audience is deleted.
func afterDelete(_ *daemon.Owned, f daemon.Filler) string {
	s := f.Sync
	name, id := s.AudienceNamed()
	switch {
	case s.Kind() == daemon.KindFile && id == "":
		return "its next upload, by schedule or by `tokrelay audience upload --sync " + s.Name + "`, makes a new audience of the name " + name + ", which no ad uses yet: at the earliest a day after the last upload"
	case s.Kind() == daemon.KindFile:
		return "it stops until audience_file.audience names another one"
	case id != "":
		return "its rows wait until audience_segment.audience names another one; then stop it and run `tokrelay resync --sync " + s.Name + " --recreate`"
	}
	if name == "" {
		return "rows that name it wait, or are rejected as unknown_audience, until you stop it and run `tokrelay resync --sync " + s.Name + " --recreate`, which makes those that rows name again"
	}
	return "its rows wait until you stop it and run `tokrelay resync --sync " + s.Name + " --recreate`, which makes the audience again and fills it from the start"
}
