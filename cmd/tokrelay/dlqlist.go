package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// listFlags are what dlq list is asked for.
type listFlags struct {
	filter filterFlags
	config string
	by     []string
	all    bool
	json   bool
}

func dlqListCommand() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "Count rejected rows and failed batches",
		Long: `Count what the dead-letter topics hold: rejected rows by sync, reason, class, field and day (UTC), and batches that failed
as a whole, whose rows are among the rejected ones. Only headers are read.

Open letters are counted: those whose rows no replay has repaired, as the topic of outcomes says; a row that failed again counts
once, with its newest letter. --all counts every letter.`,
		Example: `  tokrelay dlq list
  tokrelay dlq list --since 24h --sync purchases
  tokrelay dlq list --by reason,field
  tokrelay dlq list --json | jq '.rows[] | select(.reason == "invalid_currency")'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return dlqList(c, &f) },
	}
	configFlag(c, &f.config)
	f.filter.add(c)
	c.Flags().StringSliceVar(&f.by, "by", deadletter.By[:5], "what to count by: "+strings.Join(deadletter.By, ", "))
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	c.Flags().BoolVar(&f.all, "all", false, "count all letters, not the open ones alone")
	complete(c, "by", deadletter.By)
	return c
}

// listed is the result of dlq list.
type listed struct {
	Rejected string             `json:"rejected_topic"`
	Failed   string             `json:"failed_topic"`
	Total    int64              `json:"total"`
	States   map[string]int64   `json:"states,omitempty"` // letters that the filters choose, by state; none with --all
	Rows     []deadletter.Count `json:"rows"`
	Batches  []batchCount       `json:"batches"`
}

// batchCount is a group of failed batches.
type batchCount struct {
	Sync    string `json:"sync"`
	Reason  string `json:"reason"`
	Day     string `json:"day"`
	Batches int64  `json:"batches"`
	Rows    int64  `json:"rows"`
}

func dlqList(c *cobra.Command, f *listFlags) error {
	filter, err := f.filter.read(time.Now())
	if err == nil {
		err = known("--by", f.by, deadletter.By)
	}
	if err != nil {
		return err
	}
	d, err := openDesk(c, f.config, "dlq-list")
	if err != nil {
		return err
	}
	defer d.close()
	d.checkSyncs(f.filter.syncs)
	if err := d.choose(&filter, f.filter.key); err != nil {
		return err
	}
	l := &listed{Rejected: d.topics.RejectedTopic, Failed: d.topics.FailedTopic, Rows: []deadletter.Count{}, Batches: []batchCount{}}
	if err := d.countRows(c.Context(), l, filter, f); err != nil {
		return err
	}
	if err := d.countBatches(c.Context(), l, &filter); err != nil {
		return err
	}
	if f.json {
		return d.screen.json(l)
	}
	d.list(l, f.by)
	return nil
}

func (d *desk) countRows(ctx context.Context, l *listed, filter deadletter.Filter, f *listFlags) error {
	span, err := deadletter.SpanOf(ctx, daemon.LettersIn(d.admin), l.Rejected, filter.Since, filter.Until)
	if err != nil {
		return err
	}
	var states *daemon.LetterStates
	if !f.all {
		if states, err = d.states(ctx, filter.Since); err != nil {
			return err
		}
		filter.State = states.Open
	}
	bar := d.screen.progress("reading " + l.Rejected)
	defer bar.end()
	var mu sync.Mutex
	read := int64(0)
	seen := func(records int64) {
		mu.Lock()
		defer mu.Unlock()
		read += records
		bar.show(read, span.Records)
	}
	tally, err := deadletter.CountRows(ctx, daemon.LettersIn(d.admin), span, &filter, f.by, seen)
	l.Rows, l.Total = append(l.Rows, tally.Counts()...), tally.Rows
	if states != nil {
		l.States = map[string]int64{}
		for _, s := range outcomes.AllStates() {
			l.States[s.String()] = states.Asked(s)
		}
	}
	return err
}

// states reads the states of letters written since a time.
func (d *desk) states(ctx context.Context, since time.Time) (*daemon.LetterStates, error) {
	bar := d.screen.progress("reading " + d.config.Outcomes.Topic)
	defer bar.end()
	return d.config.LetterStates(ctx, d.admin, since, bar.show)
}

// others says which letters are not counted.
func (d *desk) others(l *listed) {
	if !d.config.Outcomes.Enabled {
		d.screen.note("outcomes.enabled is false: it is not known which letters are repaired, and all are counted\n")
		return
	}
	for _, other := range []struct {
		state outcomes.State
		says  string
	}{
		{outcomes.Repaired, "repaired"}, {outcomes.Gone, "whose rows are gone: neither letter nor source has them"}, {outcomes.Again, "failed again, and counted with the newest letter of the row"},
		{outcomes.Unknown, "older than the outcomes that show their state"},
	} {
		if n := l.States[other.state.String()]; n > 0 {
			d.screen.note("not counted: %s letter(s) %s (--all counts them)\n", thousands(n), other.says)
		}
	}
}

func (d *desk) countBatches(ctx context.Context, l *listed, filter *deadletter.Filter) error {
	span, err := deadletter.SpanOf(ctx, daemon.LettersIn(d.admin), l.Failed, filter.Since, filter.Until)
	if err != nil {
		return err
	}
	return deadletter.Batches(ctx, daemon.LettersIn(d.admin), span, filter, func(b *deadletter.DeadBatch) error {
		day := b.Failed.UTC().Format(time.DateOnly)
		i := slices.IndexFunc(l.Batches, func(g batchCount) bool { return g.Sync == b.Sync && g.Reason == string(b.Reason) && g.Day == day })
		if i < 0 {
			i = len(l.Batches)
			l.Batches = append(l.Batches, batchCount{Sync: b.Sync, Reason: string(b.Reason), Day: day})
		}
		if b.Part <= 1 {
			l.Batches[i].Batches++
		}
		l.Batches[i].Rows += int64(len(b.Rows))
		return nil
	})
}

// list prints the tables, and what one would do next.
func (d *desk) list(l *listed, by []string) {
	if l.States != nil {
		defer d.others(l)
	}
	if l.Total == 0 && len(l.Batches) == 0 {
		d.screen.print("No %sdead letters in %s and %s match.\n", map[bool]string{true: "open ", false: ""}[l.States != nil], l.Rejected, l.Failed)
		return
	}
	head := []string{}
	for _, b := range by {
		head = append(head, strings.ToUpper(b))
	}
	rows := [][]string{}
	for i := range l.Rows {
		row := []string{}
		for _, b := range by {
			row = append(row, l.Rows[i].Column(b))
		}
		rows = append(rows, append(row, thousands(l.Rows[i].Rows)))
	}
	d.screen.table(append(head, "ROWS"), append(rows, totalRow(len(by), l.Total)))
	d.listBatches(l)
	d.screen.note("\nexplain some: %s    send them again: %s\n", toCopy(d.path, "dlq show --reason REASON --limit 3"), toCopy(d.path, "dlq replay --dry-run"))
}

func totalRow(columns int, total int64) []string {
	row := make([]string, columns+1)
	row[0], row[columns] = "total", thousands(total)
	if columns == 0 {
		row[0] = thousands(total)
	}
	return row
}

func (d *desk) listBatches(l *listed) {
	if len(l.Batches) == 0 {
		return
	}
	d.screen.print("\nBatches that failed as a whole (their rows are counted above):\n")
	rows := [][]string{}
	for _, b := range l.Batches {
		rows = append(rows, []string{b.Sync, b.Reason, b.Day, thousands(b.Batches), thousands(b.Rows)})
	}
	d.screen.table([]string{"SYNC", "REASON", "DAY", "BATCHES", "ROWS"}, rows)
}

// choose completes the filter with what only the records' keys can tell.
func (d *desk) choose(filter *deadletter.Filter, key string) error {
	if key == "" {
		return nil
	}
	decode, err := daemon.KeyDecoder(d.schemas)
	filter.Key = deadletter.WithKey(key, decode)
	return err
}
