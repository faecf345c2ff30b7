package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// endpointOf is where a sync's calls go that wait at its connection's gate; "" for file audiences: their few calls, by one instance
// at a time, take no part of a limit.
func endpointOf(s *Sync) string {
	switch s.Kind() {
	case KindEvents:
		return events.Endpoint
	case KindSegment:
		return segment.Endpoint
	}
	return ""
}

// shares keep this instance's parts of the limits of its connections: the partitions that it reads of all partitions of the
// syncs whose calls have the limit in common. Instances thus share one limit without talking to each other. A replay is no
// instance: it takes the part of partitions that no instance reads, and ReplayLeast in any case.
type shares struct {
	wiring *Wiring
	gauge  *prometheus.GaugeVec
	woken  chan struct{}

	mu   sync.Mutex
	held map[string]int // partitions read here, by sync
	all  map[string]int // partitions there are, by sync; none before they were asked for
}

// ReplayLeast is the part of the limits that a replay may use while instances use all of them. It is the tenth that their
// steady rate leaves free.
const ReplayLeast = 0.1

const (
	sharesEvery = time.Minute      // partitions are counted, where nothing is heard of any change: a topic may have grown
	sharesSoon  = 5 * time.Second  // where some could not be counted
	countFor    = 10 * time.Second // at most: shares do not wait for a broker that is away
)

func newShares(w *Wiring) *shares {
	return &shares{wiring: w, woken: make(chan struct{}, 1), held: map[string]int{}, all: map[string]int{},
		gauge: metrics.Gauge(w.Metrics, "limit_share", "Part of the connection's limits that this instance may use.", "connection", "endpoint")}
}

// assigned notes how many partitions of a sync this instance reads now. It does not wait.
func (s *shares) assigned(sync string, partitions int) {
	s.mu.Lock()
	s.held[sync] = partitions
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// counted notes how many partitions a sync's share is a part of.
func (s *shares) counted(sync string, partitions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[sync] = partitions
}

// run counts partitions and shares the limits until ctx ends.
func (s *shares) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := sharesEvery
		if !s.count(ctx) {
			next = sharesSoon
		}
		s.set()
		select {
		case <-ctx.Done():
		case <-s.woken:
			s.set() // at once, by what is known: what was revoked is another instance's soon
		case <-time.After(next):
		}
	}
}

// count asks for the partitions of every sync, and reports whether it was told. What cannot be asked now stays as it was.
func (s *shares) count(ctx context.Context) (whole bool) {
	ctx, cancel := context.WithTimeout(ctx, countFor)
	defer cancel()
	whole = true
	for i := range s.wiring.Config.Syncs {
		one := &s.wiring.Config.Syncs[i]
		if endpointOf(one) == "" {
			continue
		}
		all, err := s.wiring.partitionsRead(ctx, one)
		if err != nil {
			whole = false
			continue
		}
		free := 0
		if s.wiring.options.Replay {
			free = all - s.wiring.taken(ctx, one, all)
		}
		s.mu.Lock()
		s.all[one.Name] = all
		if s.wiring.options.Replay {
			s.held[one.Name] = free
		}
		s.mu.Unlock()
	}
	return whole
}

// shared is what the instances that make a sync's calls divide among them: the partitions of what it reads, or of the digests of its
// audience.
func (w *Wiring) shared(ctx context.Context, s *Sync) (group string, topics []string, err error) {
	if prefix, ok := w.Config.audienceOf(w.State, s); ok {
		of := stagesOf(prefix)[1]
		return of.group, []string{of.topic}, nil
	}
	topics, err = s.SourceTopics(ctx, w.Admin)
	return w.Config.GroupOf(s), topics, err
}

// partitionsRead is how many partitions there are.
func (w *Wiring) partitionsRead(ctx context.Context, s *Sync) (n int, err error) {
	_, names, err := w.shared(ctx, s)
	if _, none := errors.AsType[*NoTopic](err); err != nil && !none {
		return 0, err
	}
	topics, err := w.Admin.Topics(ctx, names...)
	for _, t := range topics {
		n += t.Partitions
	}
	return n, err
}

// taken is how many of those partitions instances read; all, if that cannot be asked now.
func (w *Wiring) taken(ctx context.Context, s *Sync, all int) (n int) {
	group, _, err := w.shared(ctx, s)
	if err != nil {
		return all
	}
	members, err := w.Admin.Members(ctx, group)
	if err != nil {
		return all
	}
	for _, m := range members {
		n += m.Partitions()
	}
	return min(n, all)
}

// set shares the limits by what is known.
func (s *shares) set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.wiring.connections {
		parts := s.of(name)
		c.gate.SetShares(parts)
		for endpoint, part := range parts {
			if endpoint == "" {
				endpoint = "all"
			}
			s.gauge.WithLabelValues(name, endpoint).Set(part)
		}
	}
}

// of are a connection's shares. A sync whose partitions are not known counts as if those read here were all.
func (s *shares) of(connection string) map[string]float64 {
	held, all := map[string]int{}, map[string]int{}
	for i := range s.wiring.Config.Syncs {
		one := &s.wiring.Config.Syncs[i]
		endpoint := endpointOf(one)
		if name, _ := s.wiring.Config.ConnectionOf(one); name != connection || endpoint == "" {
			continue
		}
		here := s.held[one.Name]
		for _, key := range []string{"", endpoint} {
			held[key] += here
			all[key] += max(s.all[one.Name], here)
		}
	}
	parts := map[string]float64{}
	for key := range all {
		parts[key] = float64(held[key]) / float64(max(all[key], 1))
	}
	return parts
}
