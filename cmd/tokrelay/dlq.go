package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func dlqCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "dlq",
		Short: "Count, explain, replay and purge rejected rows",
		Long: `Rows that could not be delivered are in the rejected topic, with their original bytes and headers that say why; batches
that failed as a whole are in the failed topic, and their rows in the rejected one.`,
		Example: `  tokrelay dlq list                       # what was rejected, how often, and why
  tokrelay dlq show shop.public.orders/2/1041
  tokrelay dlq replay --sync purchases --dry-run
  tokrelay dlq replay --sync purchases`,
	}, dlqListCommand(), dlqShowCommand(), dlqReplayCommand(), dlqPurgeCommand())
}

// filterFlags choose dead letters.
type filterFlags struct {
	since, until                            string
	syncs, reasons, classes, fields, topics []string
	batch, eventID, key                     string
	rows                                    []string
}

func (f *filterFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.since, "since", "", "rejected since: a time, a day, or how long ago (24h, 7d)")
	flags.StringVar(&f.until, "until", "", "rejected before: a time, a day, or how long ago")
	flags.StringSliceVar(&f.syncs, "sync", nil, "of this sync; may be repeated")
	flags.StringSliceVar(&f.reasons, "reason", nil, "rejected for this reason; may be repeated")
	flags.StringSliceVar(&f.classes, "class", nil, "unreadable, invalid, rejected (by TikTok) or failed")
	flags.StringSliceVar(&f.fields, "field", nil, "rejected for this field, for example properties.currency")
	flags.StringSliceVar(&f.topics, "topic", nil, "rows of this source topic")
	flags.StringVar(&f.batch, "batch", "", "rows of this batch")
	flags.StringVar(&f.eventID, "event-id", "", "the row with this event id")
	flags.StringSliceVar(&f.rows, "row", nil, "the row at this place of its source, TOPIC/PARTITION/OFFSET; may be repeated")
	flags.StringVar(&f.key, "key", "", "rows with this record key, or this value of its column; name=value,… of several")
	complete(c, "reason", names(pipeline.Reasons()))
	complete(c, "class", names(pipeline.Classes))
}

func complete(c *cobra.Command, flag string, values []string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// read checks the flags' words.
func (f *filterFlags) read(now time.Time) (deadletter.Filter, error) {
	filter := deadletter.Filter{Syncs: f.syncs, Reasons: f.reasons, Classes: f.classes, Fields: f.fields, Topics: f.topics, Batch: f.batch, EventID: f.eventID}
	var err error
	if filter.Since, err = when("--since", f.since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = when("--until", f.until, now); err != nil {
		return filter, err
	}
	if !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
		return filter, usageError{errors.New("--since is not before --until: nothing lies between them")}
	}
	for _, row := range f.rows {
		place, err := deadletter.ParsePlace(row)
		if err != nil {
			return filter, usageError{fmt.Errorf("--row: %w", err)}
		}
		filter.Choose(place)
	}
	if err := known("--reason", f.reasons, names(pipeline.Reasons())); err != nil {
		return filter, err
	}
	return filter, known("--class", f.classes, names(pipeline.Classes))
}

// known refuses words that nothing can match, so that a slip of the pen does not look like an empty topic.
func known(flag string, words, list []string) error {
	for _, w := range words {
		if slices.Contains(list, w) {
			continue
		}
		return usageError{fmt.Errorf("%s: there is no %q: %s", flag, w, cmp.Or(settings.DidYouMean(w, list), "the words are: "+strings.Join(list, ", ")))}
	}
	return nil
}

// desk is what the dlq commands work with.
type desk struct {
	screen *screen
	path   string
	config *daemon.Config
	topics deadletter.Config
	admin  *admin.Client

	schemas *registry.Registry // which does not wait for schemas that are missing
}

// openDesk loads the configuration and reaches for Kafka. The caller closes the desk.
func openDesk(c *cobra.Command, path, name string) (*desk, error) {
	config, err := loadConfig(c, path)
	if err != nil {
		return nil, err
	}
	schemas, err := config.Schemas()
	if err != nil {
		return nil, err
	}
	client, err := admin.New(config.Kafka, name, warnings(c))
	if err != nil {
		return nil, err
	}
	d := &desk{screen: newScreen(c), path: path, config: config, topics: config.DeadLetter, admin: client, schemas: schemas}
	if err := reach(c.Context(), client, config.Kafka, path); err != nil {
		client.Close()
		return nil, err
	}
	return d, nil
}

func (d *desk) close() { d.admin.Close() }

// checkSyncs warns of syncs that the configuration does not have: they may have had another name once.
func (d *desk) checkSyncs(named []string) {
	for _, name := range named {
		if _, err := d.config.Sync(name); err != nil {
			d.screen.note("note: %v\n", err)
		}
	}
}
