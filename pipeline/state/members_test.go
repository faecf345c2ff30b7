package state

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// lettersOf takes every byte of a value for a claim.
func lettersOf(value []byte, each func(claim []byte)) {
	for i := range value {
		each(value[i : i+1])
	}
}

func keyOf(n int) (k [16]byte) {
	binary.LittleEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(k[8:], uint64(n))
	return k
}

// remembered is what a Members should hold, kept the obvious way.
type remembered map[[16]byte]string

func (r remembered) check(t *testing.T, m *Members, seed uint64) {
	t.Helper()
	want, holders := map[byte]int{}, 0
	for k, v := range r {
		holders += min(1, len(v))
		if got := string(m.Get(nil, k)); got != v {
			t.Fatalf("seed %d: member: got %q, want %q", seed, got, v)
		}
		for i := range len(v) { // bytes, not runes
			want[v[i]]++
		}
	}
	if m.Len() != len(r) {
		t.Fatalf("seed %d: members: got %d, want %d", seed, m.Len(), len(r))
	}
	if members, claims := m.Claimed(); members != holders || claims != len(want) {
		t.Fatalf("seed %d: got %d members with %d claims, want %d with %d", seed, members, claims, holders, len(want))
	}
	for c := range 256 {
		if got := m.Claimants([]byte{byte(c)}); got != want[byte(c)] {
			t.Fatalf("seed %d: claimants of %d: got %d, want %d", seed, c, got, want[byte(c)])
		}
	}
}

func TestInstancesSeeTheSameMembersWhateverHappens(t *testing.T) {
	for range 12 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		shared := newTopic(1 + rng.IntN(3))
		shared.readTwice = rng.IntN(2) == 0
		instances := []*Members{NewMembers(shared.log(), lettersOf, nil), NewMembers(shared.log(), lettersOf, nil)}
		model := remembered{}
		for range 400 {
			m := instances[rng.IntN(2)]
			switch rng.IntN(10) {
			case 0:
				if err := m.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				model.check(t, m, seed)
			case 1:
				shared.compact()
			case 2:
				instances[rng.IntN(2)] = NewMembers(shared.log(), lettersOf, nil)
			default:
				if err := putSome(t, m, rng, model); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, m := range instances {
			if err := m.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.check(t, m, seed)
		}
	}
}

// putSome changes members; an instance that writes has read to the end before, as a sink does.
func putSome(t *testing.T, m *Members, rng *rand.Rand, model remembered) error {
	if err := m.Refresh(t.Context()); err != nil {
		return err
	}
	var keys [][16]byte
	var values [][]byte
	for range 1 + rng.IntN(20) {
		k := keyOf(rng.IntN(200))
		if slices.Contains(keys, k) {
			continue
		}
		keys = append(keys, k)
		value := make([]byte, rng.IntN(40))
		for i := range value {
			value[i] = byte(rng.IntN(256))
		}
		if model[k] = string(value); rng.IntN(4) == 0 {
			value = nil
			delete(model, k)
		}
		values = append(values, value)
	}
	return m.Put(t.Context(), keys, values)
}

func TestAWriteThatIsNotAcknowledgedIsNotVisible(t *testing.T) {
	shared := newTopic(1)
	m := NewMembers(shared.log(), lettersOf, nil)
	bad := keyOf(2)
	shared.refuse = func(r *pipeline.Record) error {
		if [16]byte(r.Key) == bad {
			return errRefused
		}
		return nil
	}
	err := m.Put(t.Context(), [][16]byte{keyOf(1), bad}, [][]byte{[]byte("a"), []byte("b")})
	if err == nil {
		t.Fatal("got no error for a record that was refused")
	}
	if got := m.Claimants([]byte("a")); got != 1 {
		t.Errorf("acknowledged: got %d claimants, want 1", got)
	}
	if got := m.Claimants([]byte("b")); got != 0 {
		t.Errorf("refused: got %d claimants, want 0", got)
	}
}

func TestOwnWritesAreNotReadAgain(t *testing.T) {
	shared := newTopic(2)
	m := NewMembers(shared.log(), lettersOf, nil)
	for i := range 50 {
		if err := m.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.Put(t.Context(), [][16]byte{keyOf(i)}, [][]byte{[]byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if shared.reads != 0 {
		t.Errorf("got %d reads, want none: every record was written here", shared.reads)
	}
}

func TestFindLooksAtValuesAndKeepsToItsLimit(t *testing.T) {
	shared := newTopic(1)
	m := NewMembers(shared.log(), lettersOf, nil)
	for i := range 10 {
		value := []byte("a")
		if i%2 == 0 {
			value = []byte("b")
		}
		if err := m.Put(t.Context(), [][16]byte{keyOf(i)}, [][]byte{value}); err != nil {
			t.Fatal(err)
		}
	}
	isB := func(value []byte) bool { return string(value) == "b" }
	for limit, want := range map[int]int{3: 3, 100: 5} {
		if got := len(m.Find(isB, limit)); got != want {
			t.Errorf("limit %d: got %d members, want %d", limit, got, want)
		}
	}
}

func TestTheTableFreesWhatIsReplaced(t *testing.T) {
	var tab table
	for round := range 20 {
		for i := range 10_000 {
			tab.set(keyOf(i), make([]byte, 20+round%5*30))
		}
	}
	if n := len(tab.slabs); n > 10 {
		t.Errorf("10000 members of at most 160 bytes: got %d MiB of slabs, want at most 10", n)
	}
	if tab.len != 10_000 {
		t.Errorf("got %d entries, want 10000", tab.len)
	}
}

func TestAValueTooLongForASlabIsLeftOut(t *testing.T) {
	var tab table
	k := keyOf(1)
	tab.set(k, []byte("short"))
	if tab.set(k, make([]byte, maxValue+1)) {
		t.Error("a value longer than a slab was taken")
	}
	if _, ok := tab.get(k); ok {
		t.Error("the old value is still there")
	}
	if !tab.set(k, make([]byte, maxValue)) {
		t.Error("a value as long as a slab was not taken")
	}
}
