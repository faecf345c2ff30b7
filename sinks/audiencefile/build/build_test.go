package build

import (
	"bytes"
	"context"
	"errors"
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

// TestABuildIsTheTableHoweverLittleMemoryThereIs compares builds with a table: of random changes, with buckets that have
// to be divided again and again, or here and there, or never, read as a whole or only what changed.
func TestABuildIsTheTableHoweverLittleMemoryThereIs(t *testing.T) {
	t.Parallel()
	for memory, changes := range map[int64]int{1: 150, 4000: 1500, 1 << 20: 1500, 256 << 20: 1500} {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		b := newBuilds(t)
		b.in.Memory = memory
		for round := range 4 {
			for range changes {
				b.topic.framing = []string{"", "(1)", "(2)"}[random.IntN(3)]
				b.topic.write(fmt.Sprint("key-", random.IntN(8*changes/3)), randomValue(random, 7*changes/3))
			}
			out := b.build(round == 3)
			got, want := b.lines(out), b.topic.members()
			if !slices.Equal(got, want) {
				t.Fatalf("memory %d, seed %d, round %d: got %d lines, want %d", memory, seed, round, len(got), len(want))
			}
			if reused := round == 1 || round == 2; out.Reused != reused || out.Members != int64(len(want)) {
				t.Errorf("memory %d, round %d: got %+v, want %d members, reused %v", memory, round, out.Set, len(want), reused)
			}
		}
	}
}

// randomValue is mostly one of some addresses, which several keys may have.
func randomValue(random *rand.Rand, addresses int) string {
	switch random.IntN(10) {
	case 0, 1:
		return ""
	case 2:
		return notMember
	case 3:
		return rejectedRow
	case 4:
		return unreadRow
	}
	return fmt.Sprintf("person%d@example.com", random.IntN(addresses))
}

func TestAKeySchemaThatWasRegisteredAgainMakesNoNewMembers(t *testing.T) {
	b := newBuilds(t)
	b.topic.framing = "(1)"
	b.topic.people(0, 1000)
	b.build(false)
	b.topic.framing = "(2)" // half of the people get another address, fifty are new
	for i := range 500 {
		b.topic.write(fmt.Sprint("key-", i), fmt.Sprintf("other%d@example.com", i))
	}
	b.topic.people(1000, 1050)
	for _, rebuild := range []bool{false, true} {
		if out := b.build(rebuild); out.Members != 1050 || out.Reused == rebuild {
			t.Errorf("rebuild %v: got %d members, reused %v; want 1050", rebuild, out.Members, out.Reused)
		}
	}
}

func TestABaseWhoseKeysWereMadeWithTheirFramingIsNotUsedAgain(t *testing.T) {
	b := newBuilds(t)
	b.topic.people(0, 10)
	b.build(false)
	index := filepath.Join(b.path, baseName("0001")+indexSuffix)
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	earlier := bytes.Replace(text, []byte(b.in.Mapping+" by identity"), []byte(b.in.Mapping), 1)
	if err := os.WriteFile(index, earlier, 0o600); err != nil || bytes.Equal(earlier, text) {
		t.Fatal("the base does not say how its keys were made", err)
	}
	b.in.Previous = "0001"
	if out := b.build(false); out.Reused || out.Members != 10 || !out.Compared || out.Unchanged != 10 {
		t.Errorf("got %+v, reused %v; want 10 members as before, all read again", out.Set, out.Reused)
	}
}

func TestAKeyThatMovedToAnotherPartitionBelongsToTheLatest(t *testing.T) {
	b := newBuilds(t)
	b.topic.writeTo(2, "key", "old@example.com", time.Unix(10, 0))
	b.topic.writeTo(0, "key", "new@example.com", time.Unix(30, 0))
	b.topic.writeTo(2, "key", "late@example.com", time.Unix(20, 0))
	out := b.build(false)
	b.topic.table = map[string]string{"key": "new@example.com"}
	if got, want := b.lines(out), b.topic.members(); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want the one of the newest record", len(got))
	}
}

func TestStateOfAnotherMappingOrTopicIsNotReused(t *testing.T) {
	for name, change := range map[string]func(b *builds){
		"another mapping":           func(b *builds) { b.in.Mapping = "n" },
		"another topic of the name": func(b *builds) { b.topic.id = "t2" },
		"a topic that shrank": func(b *builds) {
			for i, p := range b.topic.partitions {
				b.topic.partitions[i] = p[:len(p)/2]
			}
		},
		"a damaged file": func(b *builds) {
			found, _ := filepath.Glob(filepath.Join(b.path, basePrefix+"*"))
			for _, path := range found {
				if err := os.Truncate(path, 100); err != nil {
					b.t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilds(t)
			b.topic.people(0, 500)
			b.build(false)
			change(b)
			if out := b.build(false); out.Reused {
				t.Error("the state was reused")
			}
		})
	}
}

func TestWhereBrokersGiveNoIDsNothingIsReused(t *testing.T) {
	b := newBuilds(t)
	b.topic.id = ""
	b.topic.people(0, 500)
	b.build(false)
	b.topic = newTopic()
	b.topic.id = ""
	b.topic.people(1000, 1600)
	if out := b.build(false); out.Reused || out.Members != 600 {
		t.Errorf("got %d members, reused: %v; want the 600 of the new topic, built from nothing else", out.Members, out.Reused)
	}
}

func TestFilesAreSplitBySize(t *testing.T) {
	t.Parallel()
	b := newBuilds(t)
	b.in.FileSize = 150e3
	b.topic.people(0, 6000)
	out := b.build(false)
	if len(out.Files) != 3 {
		t.Errorf("got %d files of 6000 lines of 65 bytes, want 3", len(out.Files))
	}
	for _, f := range out.Files {
		if f.Bytes > b.in.FileSize {
			t.Errorf("%s has %d bytes, want at most %d", f.Name, f.Bytes, b.in.FileSize)
		}
	}
	if got, want := b.lines(out), b.topic.members(); !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

func TestManyFilesBecomeFewerLargerOnes(t *testing.T) {
	l := Layout{Columns: []Column{{0, 32}}, Width: 32}
	for name, c := range map[string]struct{ lines, want int64 }{
		"few":               {1_000_000, 50e6},
		"a hundred million": {100_000_000, 6_500_000_000 / 48},
		"too many":          {1_000_000_000, MaxFileSize},
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
	b := newBuilds(t)
	b.topic.people(0, 10)
	var asked atomic.Int32
	b.in.NewSteps = func() pipeline.Steps {
		s := steps()
		s.Pass = func(c *pipeline.Change) error {
			if asked.Add(1) == 1 {
				panic(string(c.Key))
			}
			return nil
		}
		return s
	}
	if out := b.build(true); out.Members != 9 || out.Rejected[pipeline.StepPanicked] != 1 {
		t.Errorf("got %d members and %v rejected, want 9 and the row that panicked", out.Members, out.Rejected)
	}
}

func TestAMissingColumnStopsTheRun(t *testing.T) {
	b := newBuilds(t)
	b.topic.people(0, 10)
	b.in.Run, b.in.Parallel = "0001", 1
	asked := 0
	b.in.NewSteps = func() pipeline.Steps {
		s := steps()
		decode := s.Decode
		s.Decode = func(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
			if asked++; asked == 1 {
				return &pipeline.Trouble{Kind: pipeline.TroubleColumn, Stop: true, What: "a column is gone"}
			}
			return decode(ctx, r, c)
		}
		return s
	}
	_, err := b.folder.Build(t.Context(), b.in)
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || trouble.Kind != pipeline.TroubleColumn {
		t.Errorf("got %v, want the run stopped by the missing column", err)
	}
}
