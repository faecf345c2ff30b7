package build

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestWhoIsInIsWhatTheTableSaysThenAndNow follows each address through random changes of keys that share addresses.
func TestWhoIsInIsWhatTheTableSaysThenAndNow(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 5))
		b := newBuilds(t)
		write := func(n int) {
			for range n {
				b.topic.framing = []string{"", "(1)", "(2)"}[random.IntN(3)]
				b.topic.write(fmt.Sprint("key-", random.IntN(40)), randomValue(random, 12))
			}
		}
		write(200)
		cut, err := b.in.Source.Spans(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		then := maps.Clone(b.topic.table)
		write(60)
		for i := range 12 {
			address := fmt.Sprintf("person%d@example.com", i)
			digest := sha256.Sum256([]byte(address))
			rows, err := Follow(t.Context(), Following{Source: b.in.Source, NewSteps: b.in.NewSteps,
				Wanted: func(lines []byte) bool { return bytes.Contains(lines, digest[:]) },
				Cut: func(s Span) int64 {
					if c := find(cut, s); c != nil {
						return c.To
					}
					return 0
				}})
			if err != nil {
				t.Fatal(err)
			}
			var gotThen, gotNow int
			for _, r := range rows {
				if r.Then.Has {
					gotThen++
				}
				if r.Now.Has {
					gotNow++
				}
			}
			if wantThen, wantNow := having(then, address), having(b.topic.table, address); gotThen != wantThen || gotNow != wantNow {
				t.Errorf("seed %d, %s: %d rows then and %d now, want %d and %d", seed, address, gotThen, gotNow, wantThen, wantNow)
			}
		}
	}
}

// having is how many rows of a table have the address.
func having(table map[string]string, address string) (n int) {
	for _, value := range table {
		if value == address {
			n++
		}
	}
	return n
}
