package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// documents is what a Store should hold, kept the obvious way.
type documents map[string]string

func (d documents) check(t *testing.T, s *Store, seed uint64) {
	t.Helper()
	if got, want := s.Keys(""), slices.Sorted(maps.Keys(d)); !slices.Equal(got, want) {
		t.Fatalf("seed %d: keys: got %v, want %v", seed, got, want)
	}
	for key, want := range d {
		if got, _ := s.Get(key); string(got) != want {
			t.Fatalf("seed %d: %s: got %q, want %q", seed, key, got, want)
		}
	}
}

func storeOf(shared *topic) *Store { return NewStore(shared.log(), time.Now) }

func TestInstancesSeeTheSameDocumentsWhateverHappens(t *testing.T) {
	for range 12 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		shared := newTopic(1 + rng.IntN(3))
		shared.readTwice = rng.IntN(2) == 0
		instances := []*Store{storeOf(shared), storeOf(shared)}
		model := documents{}
		for step := range 1000 {
			s := instances[rng.IntN(2)]
			switch rng.IntN(10) {
			case 0:
				if err := s.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				model.check(t, s, seed)
			case 1:
				shared.compact()
			case 2:
				instances[rng.IntN(2)] = storeOf(shared)
			default:
				if err := putOne(t, s, rng, model, step); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, s := range instances {
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.check(t, s, seed)
		}
	}
}

// putOne changes or removes a document, of an instance that may not have seen what others wrote last.
func putOne(t *testing.T, s *Store, rng *rand.Rand, model documents, step int) error {
	key, doc := strconv.Itoa(rng.IntN(20)), fmt.Append(nil, step)
	if model[key] = string(doc); rng.IntN(4) == 0 {
		doc = nil
		delete(model, key)
	}
	return s.Put(t.Context(), key, doc)
}

func TestAWriteThatIsNotAcknowledgedIsNotVisible(t *testing.T) {
	shared := newTopic(1)
	s := storeOf(shared)
	shared.refuse = func(r *pipeline.Record) error {
		if string(r.Key) == docPrefix+"bad" {
			return errRefused
		}
		return nil
	}
	if err := s.Put(t.Context(), "good", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "bad", []byte("b")); err == nil {
		t.Error("got no error for a document that was refused")
	}
	documents{"good": "a"}.check(t, s, 0)
}

func TestOwnWritesAreNotReadAgain(t *testing.T) {
	shared := newTopic(2)
	s := storeOf(shared)
	for i := range 50 {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), strconv.Itoa(i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if shared.reads != 0 {
		t.Errorf("got %d reads, want none: every record was written here", shared.reads)
	}
}
