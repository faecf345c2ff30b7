package daemon

import (
	"context"
	"errors"
)

// CaughtUp tells whether every sync that reads a stream has settled and committed all that its topics hold now.
func (d *Daemon) CaughtUp(ctx context.Context) bool {
	for i := range d.Config.Syncs {
		if d.Config.Syncs[i].Kind() == KindFile {
			continue
		}
		if !d.caughtUp(ctx, &d.Config.Syncs[i]) {
			return false
		}
	}
	return true
}

func (d *Daemon) caughtUp(ctx context.Context, s *Sync) bool {
	topics, err := s.SourceTopics(ctx, d.admin)
	if _, none := errors.AsType[*NoTopic](err); none {
		return true
	}
	if err != nil {
		return false
	}
	ends, err := d.admin.Ends(ctx, topics...)
	if err != nil {
		return false
	}
	committed, err := d.admin.Committed(ctx, d.Config.GroupOf(s))
	if err != nil {
		return false
	}
	for topic, partitions := range ends {
		for id, end := range partitions {
			if at, ok := committed.Get(topic, id); end > 0 && (!ok || at < end) {
				return false
			}
		}
	}
	return true
}
