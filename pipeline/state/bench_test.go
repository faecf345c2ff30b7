package state

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// BenchmarkRestore reads a state topic of a hundred thousand records of a thousand documents, as far as compaction lags behind, from a log in
// this process: the broker's part of the time is not in it.
func BenchmarkRestore(b *testing.B) {
	const records, documents = 100_000, 1000
	for b.Loop() {
		s := NewStore(generated(records, documents), time.Now)
		if err := s.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
		if n := len(s.Keys("")); n != documents {
			b.Fatalf("got %d documents, want %d", n, documents)
		}
	}
}

// generated is a log of records made while they are read.
func generated(records, documents int) Log {
	return Log{
		Ends: func(context.Context) (string, map[int32]int64, error) {
			return "", map[int32]int64{0: int64(records)}, nil
		},
		Read: func(_ context.Context, _ string, _, _ map[int32]int64, each func(*pipeline.Record) error) error {
			for i := range records {
				err := each(&pipeline.Record{Offset: int64(i), Key: fmt.Appendf(nil, "%s%d", docPrefix, i%documents), Value: make([]byte, 500)})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
