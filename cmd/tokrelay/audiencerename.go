package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

func audienceRenameCommand() *cobra.Command {
	var f changeFlags
	var name string
	c := &cobra.Command{
		Use: "rename", Short: "Give a file audience another name at TikTok", Args: noArgs,
		Long: `Give an audience that is filled by files another name at TikTok. TikTok renames an audience only while it is usable, and
no audience that is filled row by row. Its id stays, and so do the ads that use it.

An audience that a sync of the configuration fills is renamed with --although-filled alone: the sync goes on filling it, by the id that it
remembers. Leave the name in the configuration as it is: with another one the sync looks for an audience of that name, or makes one.`,
		Example: `  tokrelay audience rename --id 7100000000000000001 --name "Lapsed, 2026"
  tokrelay audience rename --sync lapsed --name "Lapsed customers" --although-filled --yes`,
		RunE: func(c *cobra.Command, _ []string) error { return audienceRename(c, &f, name) },
	}
	f.add(c, "rename")
	c.Flags().StringVar(&name, "name", "", "the new name, up to 128 characters")
	return c
}

func audienceRename(c *cobra.Command, f *changeFlags, name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > 128 || strings.TrimSpace(name) != name {
		return usageError{errors.New("--name must be given: 1 to 128 characters, without a space at either end")}
	}
	return changeAudience(c, f, &audienceChange{
		verb: "rename",
		allowed: func(o *daemon.Owned) error {
			if !o.IsFile() {
				return fmt.Errorf("audience %s is not filled by files: nothing was done; TikTok renames no other kind", o.ID)
			}
			return nil
		},
		warning: fmt.Sprintf("It will be called %q.", name),
		then:    afterRename,
		do: func(o *daemon.Owned) error {
			if err := o.Rename(c.Context(), name); err != nil {
				return fmt.Errorf("%w\nTikTok renames an audience only while it is usable: tokrelay audience list shows its state", err)
			}
			return nil
		},
	})
}

// afterRename is what a sync does once its audience has another name.
func afterRename(o *daemon.Owned, f daemon.Filler) string {
	_, id := f.Sync.AudienceNamed()
	switch {
	case id != "":
		return "it goes on filling the audience, which the configuration gives by its id"
	case f.ByName:
		return "it has not run yet and looks for the name in the configuration: change that as well, or it makes another audience"
	}
	return "it goes on filling the audience by the id that it remembers (" + o.ID + "): leave `audience: {name: …}` as it is"
}
