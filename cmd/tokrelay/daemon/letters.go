package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// LettersIn is Kafka as the readers of dead letters want it.
func LettersIn(client *admin.Client) deadletter.Source {
	return deadletter.Source{
		All: func(ctx context.Context, topic string) (deadletter.Span, error) {
			there, err := client.Topics(ctx, topic)
			if err != nil || len(there) == 0 {
				return deadletter.Span{Topic: topic}, err
			}
			all, err := client.All(ctx, topic)
			return deadletter.Span{Topic: topic, ID: all.IDs[topic], From: all.From[topic], To: all.To[topic]}, err
		},
		At: func(ctx context.Context, topic string, t time.Time) (map[int32]int64, error) {
			at, err := client.At(ctx, t, topic)
			return at[topic], err
		},
		Scan: func(ctx context.Context, s deadletter.Span, each func(*pipeline.Record) error) error {
			return client.Scan(ctx, rangeOf(s), each)
		},
	}
}

func rangeOf(s deadletter.Span) admin.Range {
	r := admin.Range{From: admin.Offsets{s.Topic: s.From}, To: admin.Offsets{s.Topic: s.To}, IDs: map[string]string{s.Topic: s.ID}}
	if s.Sparse {
		r.Gone = func(admin.Gap) {}
	}
	return r
}

// Schemas asks the registry for a command: schema ids that it does not know are not waited for.
func (c *Config) Schemas() (*registry.Registry, error) {
	where := c.SchemaRegistry
	where.MissingRetry = 0
	return registry.New(where, registry.Deps{Log: slog.New(slog.DiscardHandler)})
}

// NewOpener reads the rows of dead letters with the settings of their syncs. With reveal it gives clear values, which must
// not leave the process.
func (c *Config) NewOpener(client *admin.Client, schemas cdc.Schemas, reveal bool) *deadletter.Opener {
	return &deadletter.Opener{Source: LettersIn(client), Reveal: reveal, Decoder: func(sync string) (deadletter.Decode, error) {
		if s, err := c.Sync(sync); err == nil {
			return decodeAll(s.Config, schemas)
		}
		return decodeAll(settings.WithDefaults(cdc.Config{}), schemas)
	}}
}

// KeyDecoder reads records that have a key alone, as deletes of plain rows.
func KeyDecoder(schemas cdc.Schemas) (deadletter.Decode, error) {
	return decodeAll(settings.WithDefaults(cdc.Config{Format: "flat"}), schemas)
}

func decodeAll(c cdc.Config, schemas cdc.Schemas) (deadletter.Decode, error) {
	c.Log = slog.New(slog.DiscardHandler)
	decoder, err := cdc.NewDecoder(c, cdc.Wanted{All: true}, schemas, nil)
	if err != nil {
		return nil, err
	}
	return decoder.Decode, nil
}
