package owners

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomIdentity(r *rand.Rand) (id Identity) {
	binary.LittleEndian.PutUint64(id[:], r.Uint64())
	binary.LittleEndian.PutUint64(id[8:], r.Uint64())
	return id
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// held is everything that a table holds.
func held(t *testing.T, table *rowTable) map[Identity]string {
	t.Helper()
	all := map[Identity]string{}
	table.each(func(id *Identity, value []byte) bool {
		if _, twice := all[*id]; twice {
			t.Errorf("%x is in the table twice", *id)
		}
		all[*id] = string(value)
		return true
	})
	return all
}

// TestTheTableOfRowsIsAMap compares it with one, over random changes.
func TestTheTableOfRowsIsAMap(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var table rowTable
	model := map[Identity]string{}
	var ids []Identity
	for range 3000 {
		ids = append(ids, randomIdentity(r))
	}
	for step := range 200_000 {
		id := ids[r.IntN(1+r.IntN(len(ids)))]
		if r.IntN(3) == 0 {
			table.remove(&id)
			delete(model, id)
		} else {
			value := randomBytes(r, r.IntN(1<<r.IntN(9)))
			if !table.set(&id, value) {
				t.Fatalf("seed %d: no room for %d bytes", seed, len(value))
			}
			model[id] = string(value)
		}
		if got, ok := table.get(&id); string(got) != model[id] || ok != hasKey(model, id) {
			t.Fatalf("seed %d, step %d: got %x, %v, want %x", seed, step, got, ok, model[id])
		}
	}
	all := held(t, &table)
	if table.len != len(model) || len(all) != len(model) {
		t.Errorf("seed %d: %d entries, %d of them found, want %d", seed, table.len, len(all), len(model))
	}
	for id, value := range model {
		if all[id] != value {
			t.Errorf("seed %d: %x holds %x, want %x", seed, id, all[id], value)
		}
	}
	if used := int64(len(table.slabs)) * slabSize; used > 12*slabSize {
		t.Errorf("seed %d: %d MB of slabs for %d short values: what is removed is not given back", seed, used>>20, table.len)
	}
}

func hasKey(m map[Identity]string, id Identity) bool {
	_, ok := m[id]
	return ok
}

func TestAValueThatIsTooLongIsLeftOut(t *testing.T) {
	var table rowTable
	id := Identity{1}
	if !table.set(&id, make([]byte, mostOfRow)) || table.set(&id, make([]byte, mostOfRow+1)) {
		t.Error("the longest value has no room, or a longer one has")
	}
	if _, ok := table.get(&id); ok || table.len != 0 {
		t.Error("the value before it is still there")
	}
}

// FuzzTheTableOfRows: bytes say what is changed.
func FuzzTheTableOfRows(f *testing.F) {
	f.Add([]byte("\x01\x05\x02\x05\x01\x80\x02\x00"))
	f.Fuzz(func(t *testing.T, changes []byte) {
		var table rowTable
		model := map[Identity]string{}
		for i := 0; i+1 < len(changes); i += 2 {
			id := Identity{7: changes[i] & 15}
			if n := int(changes[i+1]); n < 0x80 {
				value := bytes.Repeat([]byte{changes[i]}, n)
				table.set(&id, value)
				model[id] = string(value)
			} else {
				table.remove(&id)
				delete(model, id)
			}
		}
		all := held(t, &table)
		if len(all) != len(model) || table.len != len(model) {
			t.Fatalf("%d entries, want %d", len(all), len(model))
		}
		for id, value := range model {
			if all[id] != value {
				t.Fatalf("%x holds %x, want %x", id, all[id], value)
			}
		}
	})
}

// claimModel is who wants each digest, in maps.
type claimModel map[digestName]map[version]bool

func (m claimModel) change(table *claimTable, n digestName, by version, wants bool) {
	if wants {
		table.add(n, by)
		if m[n] == nil {
			m[n] = map[version]bool{}
		}
		m[n][by] = true
		return
	}
	table.remove(n, by)
	if delete(m[n], by); len(m[n]) == 0 {
		delete(m, n)
	}
}

func (m claimModel) compare(t *testing.T, table *claimTable, names []digestName) {
	t.Helper()
	if table.len != len(m) {
		t.Fatalf("%d digests, want %d", table.len, len(m))
	}
	for _, n := range names {
		if got, want := table.isWanted(n), len(m[n]) > 0; got != want {
			t.Fatalf("digest %x is wanted: %v, want %v", n, got, want)
		}
	}
}

// TestTheTableOfClaimsIsAMapOfSets compares it with one, over random changes.
func TestTheTableOfClaimsIsAMapOfSets(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var table claimTable
	model := claimModel{}
	var names []digestName
	for range 2000 {
		names = append(names, digestName{r.Uint64(), r.Uint64() << (8 * r.IntN(8))}) // some crowd together
	}
	t.Logf("seed %d", seed)
	for range 300_000 {
		n := names[r.IntN(1+r.IntN(len(names)))]
		model.change(&table, n, versionOf(int32(r.IntN(12)), int64(r.IntN(4))), r.IntN(2) == 0)
	}
	model.compare(t, &table, names)
	for n, claimants := range model { // each of them counts
		by := slices.Collect(func(yield func(version) bool) {
			for v := range claimants {
				if !yield(v) {
					return
				}
			}
		})
		for i, v := range by {
			table.remove(n, v)
			if got, want := table.isWanted(n), i < len(by)-1; got != want {
				t.Fatalf("seed %d: with %d of %d claims gone it is wanted: %v", seed, i+1, len(by), got)
			}
		}
	}
	if table.len != 0 || len(table.unused) != len(table.shared) {
		t.Errorf("seed %d: %d digests and %d lists are left", seed, table.len, len(table.shared)-len(table.unused))
	}
}

func FuzzTheTableOfClaims(f *testing.F) {
	f.Add([]byte("\x01\x81\x11\x01"))
	f.Fuzz(func(t *testing.T, changes []byte) {
		var table claimTable
		model := claimModel{}
		names := make([]digestName, 32)
		for i := range names {
			names[i] = digestName{uint64(i), uint64(i%3) << 62} // three homes: the rest is moved
		}
		for i := 0; i+1 < len(changes); i += 2 {
			model.change(&table, names[changes[i]%32], versionOf(0, int64(changes[i]>>5)), changes[i+1] < 0x80)
		}
		model.compare(t, &table, names)
	})
}

// Digests that differ in type or audience alone are different digests.
func TestTypeAndAudienceAreOfADigestsName(t *testing.T) {
	seen := map[digestName]bool{}
	for _, d := range [][]byte{someDigest(0, "", 1), someDigest(1, "", 1), someDigest(0, "a", 1), someDigest(0, "b", 1), someDigest(0, "", 2), someDigest(3, "", 1), someDigest(5, "", 1)} {
		seen[nameOf(d)] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d names of 7 digests", len(seen))
	}
}
