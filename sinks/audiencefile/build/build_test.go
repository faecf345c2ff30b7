package audiencefile

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// builder makes builds of one topic, one after the other, with little memory.
type builder struct {
	*instance
	memory memory
	runs   int
}

func (b *builder) build(rebuild bool) (*built, string) {
	b.t.Helper()
	work, err := openFolder(filepath.Join(b.folder, "lapsed"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.runs++
	run := fmt.Sprintf("%04d", b.runs)
	path, err := work.begin(run)
	if err != nil {
		b.t.Fatal(err)
	}
	x := &build{plan: b.plan, deps: &b.deps, job: b.Job, folder: work, run: run, path: path, mapping: "m", parallel: 2,
		memory: b.memory, maxRejected: 1, rebuild: rebuild}
	out, err := x.make(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return out, path
}

// lines are the lines of a build's files, sorted, once it is checked that the files are what the build says of them.
func (b *builder) lines(out *built, path string) (lines []string) {
	b.t.Helper()
	for _, f := range out.Files {
		content, err := os.ReadFile(filepath.Join(path, f.Name))
		if err != nil {
			b.t.Fatal(err)
		}
		sum := md5.Sum(content)
		if f.MD5 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(content)) || f.Lines != int64(bytes.Count(content, []byte("\n"))) {
			b.t.Errorf("%s is not what the build says: %+v", f.Name, f)
		}
		for line := range bytes.Lines(content) {
			lines = append(lines, string(bytes.TrimSuffix(line, []byte("\n"))))
		}
	}
	slices.Sort(lines)
	return lines
}

// TestABuildIsTheTableHoweverLittleMemoryThereIs compares builds with a table: of random changes, with buckets that have
// to be divided again and again, read as a whole or only what changed.
func TestABuildIsTheTableHoweverLittleMemoryThereIs(t *testing.T) {
	t.Parallel()
	for _, memory := range []memory{1, 40_000, 1 << 20, 256 << 20} {
		seed := rand.Uint64()
		w := newWorld(t, plainConfig)
		table := &randomTable{rand.New(rand.NewPCG(seed, 0)), w, make([][]pipeline.Record, 3)}
		b := &builder{instance: w.instance(t.TempDir()), memory: memory}
		for round := range 4 {
			table.change(1500)
			out, path := b.build(round == 3)
			got, want := b.lines(out, path), w.topic.members()
			if !slices.Equal(got, want) {
				t.Fatalf("memory %d, seed %d, round %d: got %d lines, want %d", memory, seed, round, len(got), len(want))
			}
			if reused := round == 1 || round == 2; out.Reuse != reused || out.Members != int64(len(want)) {
				t.Errorf("memory %d, round %d: got %+v, want %d members, reused %v", memory, round, out.Set, len(want), reused)
			}
		}
	}
}

func TestAKeyThatMovedToAnotherPartitionBelongsToTheLatest(t *testing.T) {
	w := newWorld(t, plainConfig)
	at := func(partition, second int, value string) {
		w.topic.writeTo(partition, "key", value)
		p := w.topic.partitions[partition]
		p[len(p)-1].Timestamp = time.Unix(int64(second), 0)
	}
	at(2, 10, "c|old@example.com|true")
	at(0, 30, "u|new@example.com|true")
	at(2, 20, "u|late@example.com|true")
	b := &builder{instance: w.instance(t.TempDir()), memory: 256 << 20}
	out, path := b.build(false)
	w.topic.table = map[string]string{"key": "new@example.com"}
	if got, want := b.lines(out, path), w.topic.members(); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want the one of the newest record", len(got))
	}
}

func TestStateOfAnotherMappingOrTopicIsNotReused(t *testing.T) {
	for name, change := range map[string]func(b *builder){
		"another topic of the name": func(b *builder) { b.topic.id = "t2" },
		"a topic that shrank": func(b *builder) {
			for i, p := range b.topic.partitions {
				b.topic.partitions[i] = p[:len(p)/2]
			}
		},
		"a damaged file": func(b *builder) {
			found, _ := filepath.Glob(filepath.Join(b.folder, "lapsed", basePrefix+"*"))
			for _, path := range found {
				if err := os.Truncate(path, 100); err != nil {
					b.t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainConfig)
			w.people(0, 500)
			b := &builder{instance: w.instance(t.TempDir()), memory: 256 << 20}
			b.build(false)
			change(b)
			if out, _ := b.build(false); out.Reuse {
				t.Error("the state was reused")
			}
		})
	}
}

func TestFilesAreSplitBySize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainConfig+"file_size: 1MB\n")
	w.people(0, 40_000)
	b := &builder{instance: w.instance(t.TempDir()), memory: 256 << 20}
	out, path := b.build(false)
	if len(out.Files) != 3 {
		t.Errorf("got %d files of 40000 lines of 65 bytes, want 3", len(out.Files))
	}
	for _, f := range out.Files {
		if f.Bytes > 1e6 {
			t.Errorf("%s has %d bytes, want at most 1 MB", f.Name, f.Bytes)
		}
	}
	if got, want := b.lines(out, path), w.topic.members(); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

func TestManyFilesBecomeFewerLargerOnes(t *testing.T) {
	l := layout{columns: []column{{0, 32}}, width: 32}
	for name, c := range map[string]struct{ lines, want int64 }{
		"few":               {1_000_000, 50e6},
		"a hundred million": {100_000_000, 6_500_000_000 / 48},
		"too many":          {1_000_000_000, mostFileSize},
	} {
		if got := newOutput("", &l, 50e6, c.lines, 2).limit; got != c.want {
			t.Errorf("%s: got files of %d bytes, want %d", name, got, c.want)
		}
	}
}

// TestASetsDigestKnowsItsLinesAndNotTheirOrder throws random sets at the law.
func TestASetsDigestKnowsItsLinesAndNotTheirOrder(t *testing.T) {
	for _, width := range []int{16, 32, 48} {
		lines := map[string]bool{}
		for range 500 {
			line := make([]byte, width)
			for i := range line {
				line[i] = byte(rand.Uint32())
			}
			lines[string(line)] = true
		}
		sum := func(list []string) string {
			d := setDigest{}
			for _, line := range list {
				d.add([]byte(line))
			}
			return d.String()
		}
		list := slices.Collect(maps.Keys(lines))
		before := sum(list)
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if after := sum(list); after != before {
			t.Errorf("width %d: another order, another digest", width)
		}
		if fewer := sum(list[1:]); fewer == before {
			t.Errorf("width %d: a line less, the same digest", width)
		}
	}
}

func TestARowThatPanicsTakesItsMemberOutAndNoOther(t *testing.T) {
	w := newWorld(t, plainConfig)
	w.people(0, 10)
	b := &builder{instance: w.instance(t.TempDir()), memory: 256 << 20}
	inner, asked := b.deps.NewSteps, atomic.Int32{}
	b.deps.NewSteps = func() pipeline.Steps {
		s := inner()
		s.Pass = func(c *pipeline.Change) error {
			if asked.Add(1) == 1 {
				panic(string(c.Key))
			}
			return nil
		}
		return s
	}
	out, _ := b.build(true)
	if out.Members != 9 || out.Rejected[pipeline.StepPanicked] != 1 {
		t.Errorf("got %d members and %v rejected, want 9 and the row that panicked", out.Members, out.Rejected)
	}
}

func TestAMissingColumnStopsTheRun(t *testing.T) {
	w := newWorld(t, plainConfig)
	w.people(0, 10)
	b := &builder{instance: w.instance(t.TempDir()), memory: 256 << 20}
	inner, asked := b.deps.NewSteps, 0
	b.deps.Parallel = 1
	b.deps.NewSteps = func() pipeline.Steps {
		s := inner()
		decode := s.Decode
		s.Decode = func(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
			if asked++; asked == 1 {
				return &pipeline.Trouble{Kind: pipeline.TroubleColumn, Stop: true, What: "a column is gone"}
			}
			return decode(ctx, r, c)
		}
		return s
	}
	work, err := openFolder(filepath.Join(b.folder, "lapsed"))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{job: b.Job, work: work, manifest: Manifest{Run: "1"}}
	if _, err := r.build(t.Context()); asTrouble(err).Kind != pipeline.TroubleColumn {
		t.Errorf("got %v, want the run stopped by the missing column", err)
	}
}
