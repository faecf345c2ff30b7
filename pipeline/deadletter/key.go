package deadletter

import (
	"context"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// WithKey chooses letters with a key: one whose bytes are the text, whose only column has the value, or whose columns are
// as name=value,name=value says. decode reads a plain row known by its key alone, as a delete is: a key that it cannot read
// has no columns. Keys of several syncs may look the same: name the sync too.
func WithKey(text string, decode Decode) func(*pipeline.Record) bool {
	pairs := pairsOf(text)
	return func(r *pipeline.Record) bool {
		if string(r.Key) == text {
			return true
		}
		if len(r.Key) == 0 {
			return false
		}
		runner := pipeline.Runner{Steps: pipeline.Steps{Decode: decode}}
		alone := pipeline.Record{Topic: r.Topic, Key: r.Key, Headers: r.Headers}
		if runner.Row(context.Background(), &alone, 0) != nil || runner.Change.Shape == nil {
			return false
		}
		return hasKey(&runner.Change, text, pairs)
	}
}

// pairsOf reads name=value,name=value; nil where the text is not that.
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
