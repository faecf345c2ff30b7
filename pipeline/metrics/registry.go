// Package metrics holds what packages that count share: the registry, ways to make a metric, and counters that several of
// them count in. Each package owns its other metrics. Labels are bounded: sync, audience, sink, topic, partition, op, reason, class,
// stage, code, result. Nothing of a row is ever a label.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Registry is where a process makes its metrics, and what is served.
type Registry struct{ *prometheus.Registry }

// New makes a registry, with Go's and the process's metrics in it.
func New() *Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Registry{r}
}
