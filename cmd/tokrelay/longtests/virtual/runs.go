package virtual

import (
	"flag"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
)

// Flags say how often a model test runs, and with which seeds.
type Flags struct {
	Runs *int
	Seed *uint64
	Same *bool
}

// NewFlags defines them. Both builds of a package have them: Again hands them on.
func NewFlags() Flags {
	return Flags{
		Runs: flag.Int("runs", 0, "runs of the model tests; 0: a few"),
		Seed: flag.Uint64("seed", 0, "seed of the model tests; 0: a new one"),
		Same: flag.Bool("same", false, "every run with the same seed"),
	}
}

// Args are the flags for another process.
func (f Flags) Args() []string {
	return []string{"-runs", strconv.Itoa(*f.Runs), "-seed", strconv.FormatUint(*f.Seed, 10), "-same=" + strconv.FormatBool(*f.Same)}
}

// Each runs a model test n times, or as often as the flag says, each time with another seed, in virtual time.
func (f Flags) Each(t *testing.T, few int, run func(t *testing.T, r *rand.Rand, log *Logs)) {
	n, first := few, *f.Seed
	if *f.Runs > 0 {
		n = *f.Runs
	}
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("seed %d", first)
	for i := range uint64(n) {
		seed := first + i
		if *f.Same {
			seed = first
		}
		ok := t.Run("", func(t *testing.T) {
			log := &Logs{}
			defer Guard(seed, log)()
			synctest.Test(t, func(t *testing.T) { run(t, rand.New(rand.NewPCG(seed, 1)), log) })
		})
		if !ok {
			t.Fatalf("broken law; again with: -run %s -seed %d -runs 1", t.Name(), seed)
		}
	}
}
