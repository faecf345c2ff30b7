package audiencefile

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

var benchMembers = flag.Int("members", 1_000_000, "members of the audience that BenchmarkBuild builds")

// BenchmarkBuild builds the files of an audience of -members, and before that has a bare loop decode, hash and write the
// same rows: one goroutine, the same decoder, no order, no duplicates, no signature. It reports rows a second of both,
// their ratio, and the process's peak of memory.
//
//	go test -run - -bench Build -benchtime 1x -members 10000000 ./sinks/audiencefile
func BenchmarkBuild(b *testing.B) {
	var bare, built cost
	for b.Loop() {
		bare.add(func() { bareLoop(b, *benchMembers) })
		built.add(func() { buildOnce(b, *benchMembers) })
	}
	rows := float64(*benchMembers * b.N)
	b.ReportMetric(rows/bare.wall.Seconds(), "bare-rows/s")
	b.ReportMetric(rows/built.wall.Seconds(), "rows/s")
	b.ReportMetric(bare.wall.Seconds()/built.wall.Seconds(), "ratio")
	b.ReportMetric(bare.cpu.Seconds()/built.cpu.Seconds(), "cpu-ratio")
	b.ReportMetric(float64(built.cpu.Nanoseconds())/rows, "cpu-ns/row")
	b.ReportMetric(peakMiB(b), "peak-MiB")
}

// cost is the time something took. On a machine with other work the processor's is the one that counts.
type cost struct{ wall, cpu time.Duration }

func (c *cost) add(work func()) {
	began, used := time.Now(), cpuTime()
	work()
	c.wall += time.Since(began)
	c.cpu += cpuTime() - used
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchPartitions = 8

const benchSchema = `{"type":"record","name":"Value","namespace":"shop.public.customers","fields":[
	{"name":"id","type":"long"},{"name":"name","type":"string"},{"name":"email","type":["null","string"],"default":null},
	{"name":"city","type":["null","string"],"default":null},{"name":"created","type":"long"},{"name":"lapsed","type":"boolean"}]}`

type oneSchema struct{}

func (oneSchema) Schema(context.Context, registry.ID) (*avro.Source, error) {
	return &avro.Source{Text: benchSchema}, nil
}

// customers generates n rows as a reader gives them: blocks of one partition after the other.
func customers(n int, each func(*pipeline.Record) error) error {
	const block = 1000
	var r pipeline.Record
	for first := 0; first < n; first += block {
		buf := make([]byte, 0, 128*block)
		for i := first; i < min(first+block, n); i++ {
			start := len(buf)
			buf = appendCustomer(buf, i)
			keyAt := len(buf)
			buf = binary.BigEndian.AppendUint64(append(buf, 0, 0, 0, 0, 9), uint64(i))
			r = pipeline.Record{Topic: "shop.public.customers", Partition: int32(first / block % benchPartitions), Offset: int64(i),
				Timestamp: time.UnixMilli(1_790_000_000_000), Value: buf[start:keyAt:keyAt], Key: buf[keyAt:len(buf):len(buf)]}
			if err := each(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendCustomer(buf []byte, i int) []byte {
	text := func(s ...string) {
		n := 0
		for _, part := range s {
			n += len(part)
		}
		buf = binary.AppendVarint(buf, int64(n))
		for _, part := range s {
			buf = append(buf, part...)
		}
	}
	buf = append(buf, 0, 0, 0, 0, 7)
	buf = binary.AppendVarint(buf, int64(i))
	text("Ada Example")
	buf = binary.AppendVarint(buf, 1)
	text("Customer.", strconv.Itoa(i), "@example.com")
	buf = binary.AppendVarint(buf, 1)
	text("Berlin")
	buf = binary.AppendVarint(buf, 1_700_000_000_000)
	return append(buf, 1)
}

func benchPlan(b *testing.B, cols *mapping.Columns) *Plan {
	cfg := Config{}
	report := settings.Load([]byte("audience: {name: Bench}\nidentifier: {EMAIL_SHA256: email}\n"), &cfg, settings.Lookup{})
	if err := report.Err(); err != nil {
		b.Fatal(err)
	}
	p, err := New(cfg, cols, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchDecoder(b *testing.B, cols *mapping.Columns) *cdc.Decoder {
	names, _ := cols.Wanted()
	d, err := cdc.NewDecoder(settings.WithDefaults(cdc.Config{}), cdc.Wanted{Columns: names}, oneSchema{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// bareLoop is what every run has to do.
func bareLoop(b *testing.B, n int) {
	cols := &mapping.Columns{}
	email := cols.Index("email")
	decoder, hasher := benchDecoder(b, cols), identity.Email{RemoveSpaces: true}
	f, err := os.Create(filepath.Join(b.TempDir(), "bare.csv"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	out, line, change := bufio.NewWriterSize(f, 128<<10), []byte(nil), pipeline.Change{}
	err = customers(n, func(r *pipeline.Record) error {
		if err := decoder.Decode(b.Context(), r, &change); err != nil {
			return err
		}
		h, err := hasher.Hash(change.After.Value(email).Bytes())
		if err != nil {
			return err
		}
		line = append(h.AppendHex(line[:0]), '\n')
		_, err = out.Write(line)
		return err
	})
	if err != nil || out.Flush() != nil {
		b.Fatal(err)
	}
}

// buildOnce is a run up to its files.
func buildOnce(b *testing.B, n int) {
	cols := &mapping.Columns{}
	plan := benchPlan(b, cols)
	decoder := benchDecoder(b, cols)
	spans := []build.Span{}
	for i := range benchPartitions {
		spans = append(spans, build.Span{Topic: "shop.public.customers", Partition: int32(i), To: int64(n)})
	}
	j, err := NewJob(plan, Deps{Sync: "bench", Advertiser: "1", Folder: b.TempDir(), Store: emptyStore(), Source: build.Source{
		Spans: func(context.Context) ([]build.Span, error) { return spans, nil },
		Read: func(_ context.Context, _ []build.Span, each func(*pipeline.Record) error) error {
			return customers(n, each)
		},
	}, NewSteps: func() pipeline.Steps {
		return pipeline.Steps{Decode: decoder.Decode, Pass: func(*pipeline.Change) error { return nil }}
	}})
	if err != nil {
		b.Fatal(err)
	}
	work, err := build.Open(filepath.Join(j.deps.Folder, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	r := &run{job: j, work: work, manifest: Manifest{Run: runName(time.Now())}}
	out, err := r.build(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if out.Members != int64(n) || out.Duplicates != 0 {
		b.Fatalf("got %d members and %d duplicates, want %d and none", out.Members, out.Duplicates, n)
	}
}

func emptyStore() *state.Store {
	return state.NewStore(state.Log{Topic: "state",
		Ends:    func(context.Context) (string, map[int32]int64, error) { return "", nil, nil },
		Produce: func(_ context.Context, records []pipeline.Record) []error { return make([]error, len(records)) },
	}, time.Now)
}

// peakMiB is the most memory the process had, where the system says.
func peakMiB(b *testing.B) float64 {
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
			return float64(n) / 1024
		}
	}
	return 0
}
