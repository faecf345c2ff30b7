package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says how to reach Kafka and how every sync's consumer behaves in its group.
type Config struct {
	Brokers    []string      `yaml:"brokers" also:"bootstrap_servers,bootstrap.servers,bootstrap,servers,broker" hint:"brokers: [kafka-1:9092, kafka-2:9092]" doc:"Addresses to start from, host:port."`
	Group      string        `yaml:"group" default:"tokrelay" doc:"Prefix of the consumer groups: a sync's group is <group>.<sync> unless the sync sets its own."`
	TLS        *settings.TLS `yaml:"tls" also:"ssl" hint:"tls: {} trusts the system's authorities, tls: {ca_file: /path/ca.pem} your own" doc:"Encrypt connections. An empty map uses the system's certificate authorities."`
	SASL       *SASL         `yaml:"sasl" hint:"sasl: {mechanism: SCRAM-SHA-512, username: tokrelay, password: \"${KAFKA_PASSWORD}\"}" doc:"Authenticate."`
	ClientID   string        `yaml:"client_id" default:"tokrelay" doc:"Prefix of the client id brokers see: <client_id>-<sync>."`
	Rack       string        `yaml:"rack" doc:"Where this instance runs; brokers with a rack-aware selector let it read from the nearest replica."`
	InstanceID string        `yaml:"instance_id" doc:"Static membership: a stable name of this instance. A restart within session_timeout moves no partition; no other instance reads them meanwhile. Not with autoscaling."`
	Protocol   string        `yaml:"protocol" enum:"classic,next_gen" default:"classic" doc:"Group protocol. next_gen is KIP-848: brokers from 4.0, better from 4.3."`

	SessionTimeout   settings.Duration `yaml:"session_timeout" default:"45s" doc:"Without a heartbeat for this long the member is out. Raise it (2m to 5m) with instance_id. Where audiences are streamed: at least connections.*.timeout and 5s."`
	RebalanceTimeout settings.Duration `yaml:"rebalance_timeout" default:"2m" doc:"Time a member has to give partitions up."`
	RevokeDrain      settings.Duration `yaml:"revoke_drain" default:"35s" doc:"How long rows in flight may finish when a partition moves away: at least connections.*.timeout and 5s, at most shutdown.drain, and 5s below rebalance_timeout."`

	Budget                 settings.Size `yaml:"budget" default:"64MiB" doc:"Most memory for records read and not yet settled, per sync: as many are read as calls in flight take, and half as many more. When it is used up, reading stops."`
	FetchMaxBytes          settings.Size `yaml:"fetch_max_bytes" default:"8MiB" doc:"Largest answer of a broker to one fetch."`
	FetchMaxPartitionBytes settings.Size `yaml:"fetch_max_partition_bytes" default:"1MiB" doc:"Most of one partition in one fetch. A larger record is still read."`
	MaxBatchBytes          settings.Size `yaml:"max_batch_bytes" default:"64MiB" doc:"What one record batch may unpack to. A larger one holds its partition until the bound is raised or tokrelay skip steps over it."`
	Isolation              string        `yaml:"isolation" enum:"read_committed,read_uncommitted" default:"read_committed" doc:"Whether records of open or aborted transactions are read."`

	Metrics prometheus.Registerer `yaml:"-"` // of the process, for the clients' own; nil: none

	Dial   Dial                   `yaml:"-"` // how connections are opened; nil: over the network, with TLS where it is set
	Codecs []kgo.CompressionCodec `yaml:"-"` // of what producers write, the preferred one first; nil: zstd, else snappy
	Wait   time.Duration          `yaml:"-"` // how long a fetch of what has nothing new may take; 0: 250ms
}

// Dial opens a connection to a broker. Tests give one that stays inside the process.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// The words of Config.
const (
	Classic         = "classic"
	NextGen         = "next_gen"
	ReadCommitted   = "read_committed"
	ReadUncommitted = "read_uncommitted"
)

// Format prints no field, whatever the verb: a wrong verb makes fmt print nested secrets as they are.
func (c Config) Format(s fmt.State, _ rune) { fmt.Fprint(s, "kafka [redacted]") }

// GroupOf is the consumer group of a sync that does not name its own.
func (c Config) GroupOf(sync string) string { return c.Group + "." + sync }

// Validate reports everything that cannot work.
func (c *Config) Validate(at settings.Place) {
	c.validateBrokers(at.Key("brokers"))
	notEmpty(at.Key("group"), c.Group)
	notEmpty(at.Key("client_id"), c.ClientID)
	oneOf(at.Key("protocol"), c.Protocol, Classic, NextGen)
	oneOf(at.Key("isolation"), c.Isolation, ReadCommitted, ReadUncommitted)
	if c.RebalanceTimeout.Std() < time.Second {
		at.Key("rebalance_timeout").Problem("must be at least 1s", "members that take longer are put out of the group")
	}
	if c.SessionTimeout.Std() < 6*time.Second {
		at.Key("session_timeout").Problem("must be at least 6s", "brokers refuse less by default")
	}
	if c.Budget < 1<<20 {
		at.Key("budget").Problem("must be at least 1MiB", "it has to hold the chunks of several partitions")
	}
	if c.FetchMaxPartitionBytes < 1<<10 {
		at.Key("fetch_max_partition_bytes").Problem("must be at least 1KiB", "less is a request for every record")
	}
	if c.FetchMaxBytes > mostFetchBytes || c.FetchMaxBytes < max(c.FetchMaxPartitionBytes, 1<<10) {
		at.Key("fetch_max_bytes").Problem("must be at most 100MiB and at least fetch_max_partition_bytes",
			"an answer is held in memory whole, one of each broker and sync: more makes nothing faster")
	}
	if c.MaxBatchBytes < max(c.FetchMaxPartitionBytes, 1<<10) || c.MaxBatchBytes > 1<<30 {
		at.Key("max_batch_bytes").Problem("must be at least fetch_max_partition_bytes and at most 1GiB", "a batch is unpacked in memory whole")
	}
	if c.InstanceID != "" && c.SessionTimeout.Std() < time.Minute {
		at.Key("session_timeout").Warn("is short for static membership", "a restart should fit into it: 2m to 5m")
	}
	c.TLS.Validate(at.Key("tls"))
	if c.SASL != nil {
		c.SASL.validate(at.Key("sasl"), c.TLS != nil)
	}
	c.validateClient(at)
}

// mostFetchBytes is the largest answer that may be asked for.
const mostFetchBytes = 100 << 20

// validateClient reports what only the client's own check finds, which would end run: a name that is too long, a time that
// does not fit its field. It says which.
func (c Config) validateClient(at settings.Place) {
	longest := strings.Repeat("x", 63) // of a sync's names
	c.FetchMaxBytes = min(c.FetchMaxBytes, mostFetchBytes)
	opts := append(c.groupOptions(ConsumerOptions{Group: longest, Topics: []string{longest}}.withDefaults()),
		kgo.SeedBrokers("localhost"), kgo.ClientID(c.ClientID+"-"+longest))
	if err := kgo.ValidateOpts(opts...); err != nil {
		at.Problem("must be settings that the Kafka client takes: "+err.Error(), "correct the one it names")
	}
}

func (c *Config) validateBrokers(at settings.Place) {
	if len(c.Brokers) == 0 {
		at.Problem("required", "host:port of one or more brokers")
	}
	for i, b := range c.Brokers {
		host, port, err := net.SplitHostPort(b)
		switch at := at.Index(i); {
		case strings.Contains(b, "/"):
			at.Problem("must be host:port", "take off what is before and behind it: kafka-1:9092")
		case strings.Contains(b, ","):
			at.Problem("must be one host:port", "brokers: [kafka-1:9092, kafka-2:9092]")
		case err != nil || host == "" || port == "":
			at.Problem("must be host:port", "a port is missing: kafka-1:9092; with TLS it is often 9093")
		}
	}
}

func notEmpty(at settings.Place, text string) {
	if text == "" {
		at.Problem("must not be empty", "leave it out for the default")
	}
}

func oneOf(at settings.Place, word string, words ...string) {
	if !slices.Contains(words, word) {
		at.Problem("must be one of "+strings.Join(words, ", "), "")
	}
}
