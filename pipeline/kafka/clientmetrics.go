package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"
)

// metered has the client's own metrics published, by client and topic and never by broker: one series per broker, client
// and metric would be too much to look at. sync is "" for a client that all syncs share.
func (c Config) metered(client, sync string) kgo.Opt {
	if c.Metrics == nil {
		return kgo.WithHooks()
	}
	return kgo.WithHooks(kprom.NewMetrics("tokrelay_kafka", kprom.Registerer(c.Metrics.KafkaClient(client, sync)), kprom.BrokerLabels(),
		kprom.FetchAndProduceDetail(kprom.ByTopic, kprom.CompressedBytes)))
}
