package daemon

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// ReadState reads what instances remember together, for commands that change nothing; nil where the state topic is still to be
// made.
func (c *Config) ReadState(ctx context.Context, client *admin.Client) (*state.Store, error) {
	there, err := client.Topics(ctx, c.StateTopic)
	if _, exists := there[c.StateTopic]; err != nil || !exists {
		return nil, err
	}
	log := compacted(client, c.StateTopic, func(ctx context.Context) (map[string]string, error) { return client.IDs(ctx, c.StateTopic) })
	store := state.NewStore(log, time.Now)
	return store, store.Refresh(ctx)
}

// compacted is a compacted topic as pipeline/state reads it; find gives its id.
func compacted(client *admin.Client, topic string, find func(context.Context) (map[string]string, error)) state.Log {
	return state.Log{
		Topic: topic,
		Ends: func(ctx context.Context) (string, map[int32]int64, error) {
			ids, err := find(ctx)
			if err != nil {
				return "", nil, err
			}
			ends, err := client.Ends(ctx, topic)
			return ids[topic], ends[topic], err
		},
		Read: func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			return client.Read(ctx, admin.Range{From: admin.Offsets{topic: from}, To: admin.Offsets{topic: to}, IDs: map[string]string{topic: id}}, each)
		},
	}
}
