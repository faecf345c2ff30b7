// Command capture copies what a running stack wrote into test fixtures: the records of the topics that match a pattern,
// as they are in Kafka, and the registry's answers for every schema they name. It decodes nothing: the fixtures must
// not depend on the code they test. It is outside of the daemon and talks only to the stack next to it.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

type options struct {
	broker   string
	registry string
	topics   *regexp.Regexp
	framing  string
	out      string
	most     int
	settle   time.Duration
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	opts, err := parseOptions(args)
	if err != nil {
		return err
	}
	if opts.out == "" {
		return settle(ctx, opts)
	}
	records, err := readRecords(ctx, opts.broker, opts.topics)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	records = firstOfEach(records, opts.most)
	schemas, err := newRegistry(opts.registry).collect(ctx, opts.framing, records)
	if err != nil {
		return fmt.Errorf("read schemas: %w", err)
	}
	return writeSet(opts.out, records, schemas)
}

func parseOptions(args []string) (options, error) {
	var opts options
	var topics string
	flags := flag.NewFlagSet("capture", flag.ContinueOnError)
	flags.StringVar(&opts.broker, "broker", cmp.Or(os.Getenv("E2E_KAFKA"), "127.0.0.1:19092"), "Kafka address")
	flags.StringVar(&opts.registry, "registry", cmp.Or(os.Getenv("E2E_REGISTRY"), "http://127.0.0.1:18080"), "registry address")
	flags.StringVar(&topics, "topics", "", "pattern of the topics' whole names")
	flags.StringVar(&opts.framing, "framing", "confluent", "where schema ids are: confluent, eight, headers or none")
	flags.StringVar(&opts.out, "out", "", "folder to write; without one, only wait until the topics have settled")
	flags.IntVar(&opts.most, "most", 1000, "records of one topic to keep, the first ones")
	flags.DurationVar(&opts.settle, "settle", 3*time.Second, "how long the topics must not grow to count as settled")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if topics == "" {
		return opts, fmt.Errorf("-topics is needed")
	}
	var err error
	if opts.topics, err = regexp.Compile("^(" + topics + ")$"); err != nil {
		return opts, fmt.Errorf("topics: %w", err)
	}
	return opts, nil
}

// firstOfEach keeps the first n records of each topic, except of heartbeats, which say the same thing for ever: two.
func firstOfEach(records []record, n int) []record {
	seen := map[string]int{}
	return slices.DeleteFunc(records, func(r record) bool {
		seen[r.Topic]++
		return seen[r.Topic] > n || (heartbeat.MatchString(r.Topic) && seen[r.Topic] > 2)
	})
}

var heartbeat = regexp.MustCompile(`^__debezium-heartbeat\.`)

func writeSet(folder string, records []record, found schemas) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := writeLines(filepath.Join(folder, "records.ndjson"), records); err != nil {
		return err
	}
	return writeDocument(filepath.Join(folder, "schemas.json"), found)
}
