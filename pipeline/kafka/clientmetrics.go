package kafka

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"
)

// metered has the client's own metrics published, by client and topic and never by broker: one series per broker, client
// and metric would be too much to look at. sync is "" for a client that all syncs share. No two clients of a process may
// have both in common.
func (c Config) metered(client, sync string) kgo.Opt {
	if c.Metrics == nil {
		return kgo.WithHooks()
	}
	own := honest{prometheus.WrapRegistererWith(prometheus.Labels{"client": client, "sync": sync}, c.Metrics)}
	return kgo.WithHooks(kprom.NewMetrics("tokrelay_kafka", kprom.Registerer(own), kprom.BrokerLabels(),
		kprom.FetchAndProduceDetail(kprom.ByTopic, kprom.CompressedBytes)))
}

// honest leaves out gauges that are named like counters: kprom has two, and no option to leave them out. rate() of one is
// nonsense; the same in bytes is there under an honest name.
type honest struct{ prometheus.Registerer }

// MustRegister is called by kprom.
func (h honest) MustRegister(list ...prometheus.Collector) {
	h.Registerer.MustRegister(slices.DeleteFunc(list, func(c prometheus.Collector) bool {
		gauge, ok := c.(prometheus.Metric) // its counters are vectors
		return ok && strings.Contains(gauge.Desc().String(), `_records_total"`)
	})...)
}
