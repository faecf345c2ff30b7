package kafka

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// NewClient makes a client that reaches Kafka as the configuration says; brokers see the name behind the configured
// prefix. It connects with the first request.
func (c Config) NewClient(name string, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	return c.newClient(name, name, log, opts)
}

// newClient is NewClient for one of several clients of a name, which metrics tell apart.
func (c Config) newClient(name, one string, log *slog.Logger, opts []kgo.Opt) (*kgo.Client, error) {
	shared, err := c.options(name, log)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(slices.Concat(shared, []kgo.Opt{c.metered(one, "")}, opts)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client %s: %w", one, err)
	}
	return client, nil
}

// Options are what NewClient gives a client of that name, for those who make it in another way.
func (c Config) Options(name string, log *slog.Logger) ([]kgo.Opt, error) {
	return c.options(name, log)
}

// FetchMaxWait is for clients of groups: partitions that come wait for a fetch that is under way.
func (c Config) FetchMaxWait() kgo.Opt { return kgo.FetchMaxWait(cmp.Or(c.Wait, 250*time.Millisecond)) }

// options are the ones that all clients share: how to reach Kafka, and under which name.
func (c Config) options(name string, log *slog.Logger) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID + "-" + name),
		kgo.SoftwareNameAndVersion("tokrelay", "1"),
		kgo.MetadataMinAge(time.Second), // leaders move: ask soon
		kgo.MaxDecompressBatchBytes(int(c.MaxBatchBytes)),
		kgo.DisableClientMetrics(), // brokers may ask clients for metrics; ours are on the admin port
	}
	if log != nil {
		opts = append(opts, kgo.WithLogger(clientLog{log}))
	}
	dial, err := c.dialer()
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.Dialer(dial))
	if c.SASL != nil && c.Dial == nil {
		m, err := c.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

func (c Config) groupOptions(o ConsumerOptions) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(o.Group),
		kgo.DisableAutoCommit(),
		kgo.KeepControlRecords(), // to commit past them: a transaction's marker is the last record of a quiet topic
		kgo.MetadataMaxAge(topicsEvery),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(c.SessionTimeout.Std()),
		kgo.RebalanceTimeout(c.RebalanceTimeout.Std()),
		kgo.HeartbeatInterval(min(o.heartbeat, c.SessionTimeout.Std()/3)),
		c.FetchMaxWait(),
		kgo.FetchMaxBytes(int32(c.FetchMaxBytes)),
		kgo.BrokerMaxReadBytes(int32(c.FetchMaxBytes) + mostFetchBytes), // a batch may be larger than what was asked for
		kgo.FetchMaxPartitionBytes(int32(c.FetchMaxPartitionBytes)),
		kgo.FetchIsolationLevel(c.IsolationLevel()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtCommitted()), // begin finds the place of those that have none
		kgo.ConsumeResetOffset(o.OutOfRange.reset()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
	}
	if c.Protocol == NextGen {
		opts = append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	}
	if c.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(c.InstanceID))
	}
	if c.Rack != "" {
		opts = append(opts, kgo.Rack(c.Rack))
	}
	if o.Pattern != "" {
		return append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(wholeName(o.Pattern)), kgo.ConsumeExcludeTopics(wholeNames(o.Exclude)...))
	}
	return append(opts, kgo.ConsumeTopics(o.Topics...))
}

// IsolationLevel is Isolation as the client takes it.
func (c Config) IsolationLevel() kgo.IsolationLevel {
	if c.Isolation == ReadUncommitted {
		return kgo.ReadUncommitted()
	}
	return kgo.ReadCommitted()
}

// clientLog passes on what franz-go says, for debugging: it speaks of its own workings and goes on trying by
// itself. What the operator should know of reaches the log and the status from here.
type clientLog struct{ log *slog.Logger }

func (l clientLog) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

func (l clientLog) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	l.log.Debug("kafka client: "+msg, keyvals...)
}
