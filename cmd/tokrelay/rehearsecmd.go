package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/rehearse"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// rehearseFlags are what rehearse is asked for.
type rehearseFlags struct {
	config, sync, since, against, most string
	fail, json                         bool
}

func rehearseCommand() *cobra.Command {
	var f rehearseFlags
	c := &cobra.Command{
		Use:   "rehearse",
		Short: "Run a sync's topic through the configuration and count what comes of it; send nothing, commit nothing",
		Long: `Read a sync's topic from --since to the ends it has now, bring every row through the sync's steps as run does, and count: rows that
would be sent, rejected and skipped, with a position of each kind; for web events the match keys of each event name and the sums of
properties.value by currency; for an audience its people and identifiers by the last row of each key. Nothing is sent, committed or kept.

Each row is taken at the time at which Kafka got it, so that an event is not too old today that was sent in time.

--against does the same with another configuration, of the same sync and over the same rows, and prints which rows come out otherwise:
how many of each kind, and positions of some. tokrelay preview --from-topic --partition … --offset … shows one of them.

An audience of more than a million rows is estimated from a sample of them, which is said.

The exit code is 1 where more than --max-rejected of the rows that are not skipped were rejected, and with --fail-on-difference where
--against differs.`,
		Example: `  tokrelay rehearse --sync purchases --since 7d
  tokrelay rehearse -c new.yaml --sync purchases --since 24h --against tokrelay.yaml
  tokrelay rehearse -c new.yaml --sync purchases --against tokrelay.yaml --fail-on-difference --json | jq .difference`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return rehearsal(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "sync to rehearse; may be left out when there is one")
	c.Flags().StringVar(&f.since, "since", "", "rows since: a time, a day, or how long ago (24h, 7d); default: from the oldest record")
	c.Flags().StringVar(&f.against, "against", "", "another configuration file, to compare with")
	c.Flags().StringVar(&f.most, "max-rejected", "1%", "exit code 1 where more of the rows that are not skipped were rejected")
	c.Flags().BoolVar(&f.fail, "fail-on-difference", false, "with --against: exit code 1 where a row comes out otherwise")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	_ = c.MarkFlagFilename("against", "yaml", "yml") // the flag exists
	return c
}

func rehearsal(c *cobra.Command, f *rehearseFlags) error {
	most, err := f.read()
	if err != nil {
		return err
	}
	since, err := when("--since", f.since, time.Now())
	if err != nil {
		return err
	}
	config, candidates, err := f.candidates(c)
	if err != nil {
		return err
	}
	client, err := admin.New(config.Kafka, "rehearse", warnings(c))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := reach(c.Context(), client, config.Kafka, f.config); err != nil {
		return err
	}
	s := newScreen(c)
	report, err := s.rehearse(c.Context(), client, since, candidates)
	if err != nil {
		return err
	}
	if f.json {
		err = s.json(report)
	} else {
		s.rehearsed(report)
	}
	if err != nil {
		return err
	}
	return f.verdict(report, most)
}

// read checks the flags, and gives the share of rows that may be rejected.
func (f *rehearseFlags) read() (float64, error) {
	digits, _ := strings.CutSuffix(f.most, "%")
	most, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !(most >= 0 && most <= 100) {
		return 0, usageError{fmt.Errorf("--max-rejected: %q is not a share: give one between 0%% and 100%%", f.most)}
	}
	if f.fail && f.against == "" {
		return 0, usageError{errors.New("--fail-on-difference goes with --against FILE")}
	}
	return most / 100, nil
}

// candidates are the sync as the configuration has it, and as the one to compare with does, of which nothing is reached but its registry.
func (f *rehearseFlags) candidates(c *cobra.Command) (*daemon.Config, []rehearse.Candidate, error) {
	config, err := loadTokenless(c, f.config)
	if err != nil {
		return nil, nil, err
	}
	s, err := pickSync(config, f.sync)
	if err != nil {
		return nil, nil, err
	}
	candidates, err := withCandidate(nil, f.config, config, s)
	if err != nil || f.against == "" {
		return config, candidates, err
	}
	old, err := loadTokenless(c, f.against)
	if err != nil {
		return nil, nil, err
	}
	was, err := old.Sync(s.Name)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("--against %s: %w", f.against, err)}
	}
	candidates, err = withCandidate(candidates, f.against, old, was)
	return config, candidates, err
}

func withCandidate(list []rehearse.Candidate, path string, config *daemon.Config, s *daemon.Sync) ([]rehearse.Candidate, error) {
	schemas, err := config.Schemas()
	return append(list, rehearse.Candidate{Name: path, Sync: s, Schemas: schemas}), err
}

func (s *screen) rehearse(ctx context.Context, client *admin.Client, since time.Time, candidates []rehearse.Candidate) (*rehearse.Report, error) {
	bar, drawing := s.progress("reading"), make(chan struct{}, 1)
	defer bar.end()
	return rehearse.Run(ctx, client, rehearse.Options{Since: since, Progress: func(done, of int64) {
		select {
		case drawing <- struct{}{}:
			bar.show(done, of)
			<-drawing
		default: // another goroutine draws
		}
	}}, candidates...)
}

// verdict is the error for the exit code.
func (f *rehearseFlags) verdict(r *rehearse.Report, most float64) error {
	if share := r.Result.RejectedShare(); share > most {
		return fmt.Errorf("%s of the rows of %s were rejected, more than --max-rejected %s: `%s` shows one of them",
			percent(share), r.Sync, f.most, toCopy(f.config, "preview --from-topic --sync "+r.Sync+" --partition … --offset … --limit 1"))
	}
	if f.fail && r.Difference.Any() {
		return fmt.Errorf("%s row(s) of %s come out otherwise than with %s", thousands(r.Difference.Rows), r.Sync, f.against)
	}
	return nil
}

// percent writes a share with one digit, and never says 0 or 100 of what is not.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.001:
		return "< 0.1 %"
	case share < 1 && share > 0.999:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// rehearsed prints a report.
func (s *screen) rehearsed(r *rehearse.Report) {
	since := "from the oldest record"
	if !r.Since.IsZero() {
		since = "since " + r.Since.UTC().Format("2006-01-02 15:04 UTC")
	}
	s.print("%s: %s row(s) of %s, %s; nothing was sent\n", s.paint(bold, r.Sync), thousands(r.Rows), strings.Join(r.Topics, ", "), since)
	s.result(r.Result, r.Rows)
	if r.Against == nil {
		return
	}
	s.print("\n")
	s.result(r.Against, r.Rows)
	s.difference(r)
}

func (s *screen) result(r *rehearse.Result, rows int64) {
	s.print("\n%s\n", s.paint(bold, "With "+r.Config))
	share := func(n int64) string { return percent(float64(n) / float64(max(rows, 1))) }
	s.table([]string{"OUTCOME", "ROWS", ""}, [][]string{
		{"sent", thousands(r.Sent), share(r.Sent)}, {"rejected", thousands(r.Rejected), share(r.Rejected)}, {"skipped", thousands(r.Skipped), share(r.Skipped)}})
	if len(r.Reasons) > 0 {
		rows := [][]string{}
		for _, g := range r.Reasons {
			rows = append(rows, []string{g.Outcome, g.Reason, cmp.Or(g.Field, "-"), g.First, thousands(g.Rows)})
		}
		s.print("\n")
		s.table([]string{"OUTCOME", "REASON", "FIELD", "FIRST", "ROWS"}, rows)
	}
	s.matchKeys(r.Events)
	s.values(r.Events)
	s.size(r.Audience)
}

// matchKeys prints which share of each name's events has which match key.
func (s *screen) matchKeys(events []rehearse.Event) {
	if len(events) == 0 {
		return
	}
	all := map[string]int64{}
	for _, e := range events {
		for field, n := range e.Keys {
			all[field] += n
		}
	}
	fields := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b)) })
	head, rows := []string{"EVENT"}, [][]string{}
	for _, field := range fields {
		head = append(head, strings.ToUpper(strings.TrimPrefix(field, "user.")))
	}
	for _, e := range events {
		row := []string{e.Event}
		for _, field := range fields {
			row = append(row, percent(float64(e.Keys[field])/float64(e.Events)))
		}
		rows = append(rows, append(row, thousands(e.Events)))
	}
	s.print("\n")
	s.table(append(head, "EVENTS"), rows)
}

func (s *screen) values(events []rehearse.Event) {
	rows := [][]string{}
	for _, e := range events {
		for _, currency := range slices.Sorted(maps.Keys(e.Values)) {
			v := e.Values[currency]
			rows = append(rows, []string{e.Event, cmp.Or(currency, "none"), thousands(v.Events), strconv.FormatFloat(v.Sum, 'f', 2, 64)})
		}
	}
	if len(rows) > 0 {
		s.print("\n")
		s.table([]string{"EVENT", "CURRENCY", "WITH A VALUE", "SUM"}, rows)
	}
}

func (s *screen) size(a *rehearse.Size) {
	if a == nil {
		return
	}
	rows := [][]string{{"people", thousands(a.People)}}
	for _, kind := range slices.Sorted(maps.Keys(a.Identifiers)) {
		rows = append(rows, []string{kind, thousands(a.Identifiers[kind])})
	}
	s.print("\n")
	s.table([]string{"AUDIENCE", "BY THE LAST ROW OF EACH KEY"}, rows)
	if a.Sample > 1 {
		s.print("estimated from one key in %d\n", a.Sample)
	}
}

func (s *screen) difference(r *rehearse.Report) {
	d := r.Difference
	if !d.Any() {
		s.print("\n%s\n", s.paint(green, "Every row comes out as with "+r.Against.Config))
		return
	}
	s.print("\n%s\n", s.paint(yellow, fmt.Sprintf("%s row(s) come out otherwise than with %s", thousands(d.Rows), r.Against.Config)))
	rows := [][]string{}
	for _, k := range d.Kinds {
		rows = append(rows, []string{k.Was, k.Is, strings.Join(k.First, " "), thousands(k.Rows)})
	}
	s.table([]string{"WAS", "IS", "FIRST", "ROWS"}, rows)
	if a := d.Audience; a != nil {
		s.print("\naudience: %s people come in, %s go out, %s have other identifiers %s\n", thousands(a.Enter), thousands(a.Leave), thousands(a.Changed), strings.Join(a.First, " "))
	}
}
