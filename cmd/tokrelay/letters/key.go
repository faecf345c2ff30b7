package letters

import (
	"context"
	"log/slog"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// WithKey tells letters with a key: one whose bytes are the text, whose only column has the value, or whose columns are
// as name=value,name=value says. A key that cannot be read has no columns. Keys of several syncs may look the same: name
// the sync too.
func (o *Opener) WithKey(text string) func(*pipeline.Record) bool {
	// The record's empty twin is a delete known by its key alone: that is how the decoder reads keys.
	decoder, err := cdc.NewDecoder(settings.WithDefaults(cdc.Config{Format: "flat", Log: slog.New(slog.DiscardHandler)}), cdc.Wanted{All: true}, o.Schemas, metrics.New())
	pairs := pairsOf(text)
	return func(r *pipeline.Record) bool {
		if string(r.Key) == text {
			return true
		}
		if err != nil || len(r.Key) == 0 {
			return false
		}
		runner := pipeline.Runner{Steps: pipeline.Steps{Decode: decoder.Decode}}
		twin := pipeline.Record{Topic: r.Topic, Key: r.Key, Headers: r.Headers}
		if runner.Row(context.Background(), &twin, 0) != nil || runner.Change.Shape == nil {
			return false
		}
		return hasKey(&runner.Change, text, pairs)
	}
}

// pairsOf reads name=value,name=value; nil where the text is none.
func pairsOf(text string) map[string]string {
	pairs := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil
		}
		pairs[name] = value
	}
	return pairs
}

func hasKey(c *pipeline.Change, text string, pairs map[string]string) bool {
	found, columns := 0, 0
	for i, name := range c.Shape.Names {
		v := c.Before.Value(i)
		if v.IsNull() {
			continue
		}
		columns++
		if value, ok := pairs[name]; ok && value == v.Text() {
			found++
		}
		if len(c.Shape.Names) == 1 && v.Text() == text {
			return true
		}
	}
	return len(pairs) > 0 && found == len(pairs) && found == columns
}
