package calls

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// BenchmarkAdd remembers calls of a thousand events as fast as they come: far more than are kept whole.
func BenchmarkAdd(b *testing.B) {
	l := New(Limits{Total: 12 << 20}, asItIs)
	c := pipeline.Call{Sync: "orders", Request: make([]byte, 500_000), Rows: make([]pipeline.Position, 1000)}
	for b.Loop() {
		l.Add(c)
	}
	b.SetBytes(int64(len(c.Request)))
}
