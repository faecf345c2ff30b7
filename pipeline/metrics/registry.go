// Package metrics holds what packages that count share: the registry, ways to make a metric, and counters that several of
// them count in. Each package owns its other metrics. Labels are bounded: sync, audience, sink, topic, partition, op, reason, class,
// stage, code, result. Nothing of a row is ever a label.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// Registry is where a process makes its metrics, and what is served.
type Registry struct {
	*prometheus.Registry
	Clients *prometheus.Registry // of Kafka's clients, Go and the process: served as well, and not in Counts, which are read often
}

// New makes a registry.
func New() *Registry {
	r := &Registry{Registry: prometheus.NewRegistry(), Clients: prometheus.NewRegistry()}
	r.Clients.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Gather reads all metrics.
func (r *Registry) Gather() ([]*dto.MetricFamily, error) {
	return prometheus.Gatherers{r.Registry, r.Clients}.Gather()
}
