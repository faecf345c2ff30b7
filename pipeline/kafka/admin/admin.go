// Package admin asks and tells Kafka what commands and the start of the daemon need: topics, offsets, groups, rights,
// and reads up to recorded ends. It reaches Kafka by the client of package kafka, joins no group, and knows nothing of syncs.
package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Client asks and tells Kafka. It is safe for concurrent use.
type Client struct {
	cfg    kafka.Config
	client *kgo.Client
	adm    *kadm.Client
	log    *slog.Logger

	mostFetched int32 // bytes of an answer, half of it of one partition
}

// New makes a client; it connects with the first question.
func New(cfg kafka.Config, name string, log *slog.Logger) (*Client, error) {
	client, err := cfg.NewClient(name, log, kgo.RetryTimeout(patience))
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, client: client, adm: kadm.NewClient(client), log: cmp.Or(log, slog.New(slog.DiscardHandler)),
		mostFetched: readMaxBytes}, nil
}

const patience = 20 * time.Second

// Close ends the connections.
func (a *Client) Close() { a.client.Close() }

// Ping returns nil when a broker answers.
func (a *Client) Ping(ctx context.Context) error {
	if err := a.client.Ping(ctx); err != nil {
		return fmt.Errorf("reach Kafka: %w", err)
	}
	return nil
}

// Topic is what a topic is set to. Policy is its cleanup.policy; Retention is negative when unlimited.
type Topic struct {
	Name            string
	ID              string // tells it from a later topic of the same name; "" from old brokers
	Partitions      int
	Replication     int
	Policy          string
	Retention       time.Duration
	MaxMessageBytes int
}

// Compacted reports whether old records of a key are removed.
func (t Topic) Compacted() bool { return strings.Contains(t.Policy, "compact") }

// Topics describes the named topics; those that do not exist are left out. The settings stay empty where this client
// may not read them.
func (a *Client) Topics(ctx context.Context, names ...string) (map[string]Topic, error) {
	topics := map[string]Topic{}
	details, err := a.describe(ctx, names)
	if err != nil {
		return nil, err
	}
	for name, d := range details {
		switch {
		case d.Err == nil:
			topics[name] = Topic{Name: name, ID: kafka.TopicID(d.ID), Partitions: len(d.Partitions), Replication: d.Partitions.NumReplicas()}
		case !errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			return nil, fmt.Errorf("describe topic %s: %w", name, d.Err)
		}
	}
	return topics, a.settings(ctx, topics)
}

// describe asks about the named topics; of none, it knows none: kadm would take that for all of the cluster.
func (a *Client) describe(ctx context.Context, names []string) (kadm.TopicDetails, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return kafka.Describe(kadm.WithAuthorizedOps(ctx), a.client, names...) // else it is answered from what was known a second ago
}

// settings fills in the topics' configuration. A client without DESCRIBE_CONFIGS goes without.
func (a *Client) settings(ctx context.Context, topics map[string]Topic) error {
	if len(topics) == 0 {
		return nil
	}
	configs, err := a.configs(ctx, slices.Collect(maps.Keys(topics)))
	if err != nil {
		return fmt.Errorf("describe the settings of topics: %w", err)
	}
	for _, c := range configs {
		t, known := topics[c.Name]
		if c.Err != nil || !known {
			continue
		}
		for _, entry := range c.Configs {
			t.set(entry.Key, entry.MaybeValue())
		}
		topics[c.Name] = t
	}
	return nil
}

// configs are the settings of those topics that this client may ask about. One denied topic makes kadm drop the answers
// about its neighbours, so then each is asked for alone.
func (a *Client) configs(ctx context.Context, names []string) (kadm.ResourceConfigs, error) {
	configs, err := a.adm.DescribeTopicConfigs(ctx, names...)
	switch _, denied := errors.AsType[*kadm.AuthError](err); {
	case !denied:
		return configs, err
	case len(names) == 1:
		return nil, nil
	}
	var all kadm.ResourceConfigs
	for _, name := range names {
		one, err := a.configs(ctx, []string{name})
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

func (t *Topic) set(key, value string) {
	n, _ := strconv.ParseInt(value, 10, 64) // a value that is not a number stays unknown
	switch key {
	case "cleanup.policy":
		t.Policy = value
	case "retention.ms":
		t.Retention = time.Duration(n) * time.Millisecond
	case "max.message.bytes":
		t.MaxMessageBytes = int(n)
	}
}

// Matching lists the topics whose whole name the regular expression matches and none of exclude does, as a consumer with
// that Pattern and Exclude reads them.
func (a *Client) Matching(ctx context.Context, pattern string, exclude ...string) ([]string, error) {
	matches, err := kafka.TopicMatcher(pattern, exclude)
	if err != nil {
		return nil, err
	}
	details, err := a.adm.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return slices.DeleteFunc(details.Names(), func(name string) bool { return !matches(name) }), nil
}

// Brokers is how many there are.
func (a *Client) Brokers(ctx context.Context) (int, error) {
	brokers, err := a.adm.ListBrokers(ctx)
	if err != nil {
		return 0, fmt.Errorf("list brokers: %w", err)
	}
	return len(brokers), nil
}

// BatchAt reads the first batch with rows at an offset or behind it: see kafka.Config.BatchAt.
func (a *Client) BatchAt(ctx context.Context, topic string, partition int32, offset int64) (*kafka.Batch, error) {
	return a.cfg.BatchAt(ctx, a.client, topic, partition, offset)
}
