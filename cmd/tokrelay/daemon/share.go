package daemon

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline/delivery"
)

// share keeps a sync's part of its connection's limits: the part of the topics' partitions that this instance reads. The
// instances of a group thus share one limit without talking to each other.
type share struct {
	daemon *Daemon
	sync   *Sync
	queue  *delivery.Queue
	held   chan int // the newest number of partitions read here
}

func (d *Daemon) newShare(s *Sync, q *delivery.Queue) *share {
	h := &share{daemon: d, sync: s, queue: q, held: make(chan int, 1)}
	d.services = append(d.services, h.run)
	return h
}

// assigned notes a rebalance; only the newest number counts.
func (h *share) assigned(partitions int) {
	select {
	case <-h.held:
	default:
	}
	select {
	case h.held <- partitions:
	default:
	}
}

func (h *share) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case held := <-h.held:
			if all := h.partitions(ctx); held > 0 && all > 0 {
				h.queue.SetQuota(float64(held) / float64(all))
			}
		}
	}
}

// partitions is how many partitions the sync's topics have, 0 if that cannot be asked now.
func (h *share) partitions(ctx context.Context) int {
	names, err := h.sync.SourceTopics(ctx, h.daemon.admin)
	if err != nil {
		return 0
	}
	topics, err := h.daemon.admin.Topics(ctx, names...)
	if err != nil {
		return 0
	}
	all := 0
	for _, t := range topics {
		all += t.Partitions
	}
	return all
}
