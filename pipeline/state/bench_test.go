package state

import (
	"context"
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// BenchmarkRestore restores a million members with one e-mail address each, as sinks/segment writes them, from a log in
// this process: the broker's part of the time is not in it. It reports the memory that stays and the process's peak.
func BenchmarkRestore(b *testing.B) {
	const members = 1_000_000
	for b.Loop() {
		m := NewMembers(generated(members), oneClaim, nil)
		if err := m.Restore(b.Context()); err != nil {
			b.Fatal(err)
		}
		if m.Len() != members {
			b.Fatalf("got %d members, want %d", m.Len(), members)
		}
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.HeapAlloc)/members, "heap-B/member")
		runtime.KeepAlive(m)
	}
	b.ReportMetric(float64(peak(b))/1024, "peak-MiB")
}

// oneClaim: the last 34 bytes of a value, as of a single e-mail address.
func oneClaim(value []byte, each func(claim []byte)) { each(value[len(value)-34:]) }

// generated is a log of n records made while they are read.
func generated(n int) Log {
	return Log{
		Ends: func(context.Context) (string, map[int32]int64, error) { return "", map[int32]int64{0: int64(n)}, nil },
		Read: func(_ context.Context, _ string, _, _ map[int32]int64, each func(*pipeline.Record) error) error {
			for i := range n {
				k := keyOf(i)
				value := make([]byte, 16+34)
				binary.LittleEndian.PutUint64(value[16+10:], uint64(i)*0x9e3779b97f4a7c15)
				if err := each(&pipeline.Record{Offset: int64(i), Key: k[:], Value: value}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// peak is the most memory the process had, in KiB, where the system tells.
func peak(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	return 0
}
