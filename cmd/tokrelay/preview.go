package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// previewFlags are what preview is asked for.
type previewFlags struct {
	config, sync, rows string
	fromTopic          bool
	partition          int32
	offset             int64
	limit              int
	requests, example  bool
	rejected           bool
	failOnRejected     bool
	now                string
}

func previewCommand() *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use:   "preview",
		Short: "Show the exact API requests and rejections for rows; send nothing, commit nothing",
		Long: `Show what rows become: for each row the item that would be sent, the rejection, or why it is skipped, as one JSON
object a line; with --requests also the API calls as run would batch them. Nothing is sent and nothing is committed.
A row that is skipped by a condition names it, and what it read of the row. At the end the rows are counted by outcome and
reason, on standard error; --requests also prints the text of the file of an audience that is replaced whole.
A row's "notes" tell what is not sent as the row has it, and why: changed, left out, defaulted, redacted or taken from
elsewhere. They never hold values.

--rows reads one row a line: an object is an inserted row; {"op":"c|u|d|r","before":…,"after":…} is a change, with
Debezium's letters; null is a tombstone. It opens no connection. --from-topic reads real records.`,
		Example: `  tokrelay preview --example > rows.ndjson
  echo '{"email":"ada@example.com","amount":12.5}' | tokrelay preview -c tokrelay.yaml --sync purchases --rows -
  tokrelay preview -c tokrelay.yaml --sync purchases --from-topic --partition 0 --offset 41200 --limit 5 --requests
  tokrelay preview -c tokrelay.yaml --sync purchases --rows rows.ndjson --rejected --fail-on-rejected`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return preview(c, f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "sync whose mapping is shown; may be left out when there is one")
	c.Flags().StringVar(&f.rows, "rows", "", "file with one JSON row a line, or - for standard input")
	c.Flags().BoolVar(&f.fromTopic, "from-topic", false, "read records of the sync's topic")
	c.Flags().Int32Var(&f.partition, "partition", -1, "with --from-topic: this partition alone")
	c.Flags().Int64Var(&f.offset, "offset", -1, "with --from-topic: begin here; default: the newest records")
	c.Flags().IntVar(&f.limit, "limit", 10, "with --from-topic: at most this number of records")
	c.Flags().BoolVar(&f.example, "example", false, "print rows to try with the sync purchases of tokrelay config example")
	c.Flags().BoolVar(&f.requests, "requests", false, "print the API requests too")
	c.Flags().BoolVar(&f.rejected, "rejected", false, "print rejected rows alone")
	c.Flags().BoolVar(&f.failOnRejected, "fail-on-rejected", false, "exit with 1 when a row is rejected, for CI")
	c.Flags().StringVar(&f.now, "now", "", "RFC 3339 time to take for now")
	return c
}

func preview(c *cobra.Command, f previewFlags) error {
	if f.example {
		return printExampleRows(c.OutOrStdout())
	}
	now := time.Now
	if f.now != "" {
		at, err := time.Parse(time.RFC3339, f.now)
		if err != nil {
			return usageError{fmt.Errorf("--now: not an RFC 3339 time like 2026-01-31T12:00:00Z")}
		}
		now = func() time.Time { return at }
	}
	if (f.rows == "") == !f.fromTopic {
		return usageError{errors.New("give one of --rows FILE and --from-topic\nsee tokrelay preview --help")}
	}
	for _, flag := range []string{"partition", "offset", "limit"} {
		if !f.fromTopic && c.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s goes with --from-topic: --rows has no partitions\nsee tokrelay preview --help", flag)}
		}
	}
	if f.rows == fromStdin && f.config == fromStdin {
		return usageError{errors.New("standard input is the configuration or the rows: give a file to one of -c and --rows")}
	}
	load := loadOffline
	if f.fromTopic {
		load = loadAloud
	}
	config, err := load(c, f.config)
	if err != nil {
		return err
	}
	s, err := pickSync(config, f.sync)
	if err != nil {
		return err
	}
	flow, err := daemon.NewFlow(s, now, nil)
	if err != nil {
		return err
	}
	p := daemon.NewPreview(flow, c.OutOrStdout(), daemon.PreviewOptions{Requests: f.requests, Rejected: f.rejected})
	if f.fromTopic {
		client, err := admin.New(config.Kafka, "preview", warnings(c))
		if err != nil {
			return err
		}
		defer client.Close()
		if err := reach(c.Context(), client, config.Kafka, f.config); err != nil {
			return err
		}
		err = p.Topic(c.Context(), config, client, daemon.TopicRange{Partition: f.partition, Offset: f.offset, Limit: f.limit})
		return previewed(c, p, s.Source(), f.failOnRejected, err)
	}
	err = previewRows(c.Context(), p, f.rows, c.InOrStdin())
	return previewed(c, p, cmp.Or(strings.TrimPrefix(f.rows, fromStdin), "standard input"), f.failOnRejected, err)
}

// previewed says what the rows came to, by outcome and reason.
func previewed(c *cobra.Command, p *daemon.Preview, source string, failOnRejected bool, err error) error {
	if err != nil {
		return err
	}
	s := newScreen(c)
	if p.Rows == 0 {
		s.note("%s has no rows: there is nothing to preview\n", source)
		return nil
	}
	s.note("%d row(s) of %s:\n", p.Rows, source)
	rejected := false
	for _, outcome := range slices.Sorted(maps.Keys(p.Outcomes)) {
		s.note("  %6d %s\n", p.Outcomes[outcome], outcome)
		rejected = rejected || strings.HasPrefix(outcome, "reject")
	}
	if rejected && failOnRejected {
		return errReported
	}
	return nil
}

// pickSync is the named sync, or the only one.
func pickSync(c *daemon.Config, name string) (*daemon.Sync, error) {
	if name == "" && len(c.Syncs) == 1 {
		return &c.Syncs[0], nil
	}
	if name == "" {
		return nil, usageError{fmt.Errorf("--sync: say which: the configuration has %s", strings.Join(syncNames(c, nil), ", "))}
	}
	s, err := c.Sync(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("--sync: %w", err)}
	}
	return s, nil
}

// syncNames are the names of the syncs that suit, or of all.
func syncNames(c *daemon.Config, suits func(*daemon.Sync) bool) (names []string) {
	for i := range c.Syncs {
		if suits == nil || suits(&c.Syncs[i]) {
			names = append(names, c.Syncs[i].Name)
		}
	}
	return names
}

const maxRow = 64 << 20 // bytes of one JSON row

func previewRows(ctx context.Context, p *daemon.Preview, path string, stdin io.Reader) error {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return usageError{fmt.Errorf("--rows: %w", err)}
		}
		defer file.Close()
		in = file
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxRow)
	for lines.Scan() && ctx.Err() == nil {
		line := append([]byte(nil), bytes.TrimSpace(lines.Bytes())...)
		if len(line) == 0 {
			continue
		}
		if err := p.Line(ctx, line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return p.Requests()
}
