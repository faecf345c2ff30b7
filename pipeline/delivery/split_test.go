package delivery

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestARefusedCallCostsItsBadRowsOnly(t *testing.T) {
	cases := []struct {
		name  string
		rows  int
		bad   []string
		calls int
	}{
		{"one bad row of a thousand", 1000, []string{"617"}, 15},
		{"three bad rows", 1000, []string{"0", "500", "999"}, 2*3*10 + 2},
		{"twenty of a thousand", 1000, everyNth(1000, 50), 2*20*10 + 2},
		{"all but one", 1000, allBut(1000, 500), 4 * 1000},
		{"all but the first", 1000, allBut(1000, 0), 4 * 1000},
		{"one of two", 2, []string{"1"}, 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options{}, refusing(c.bad...))
				chunk := w.deliver(c.rows)
				w.wantOutcomes(chunk, fmt.Sprintf("%d delivered, %d dead-lettered, 0 unsettled", c.rows-len(c.bad), len(c.bad)))
				if got := len(w.sent()); got > c.calls {
					t.Errorf("calls: got %d, want at most %d", got, c.calls)
				}
				for _, got := range w.dead.all() {
					if !slices.Contains(c.bad, strconv.FormatInt(got.Record.Offset, 10)) {
						t.Errorf("dead letter of row %d, which is good", got.Record.Offset)
					}
					if r := got.Rejection; r.Reason != pipeline.RefusedByTikTok || r.APIMessage != no.Message || r.RequestID != "r1" || r.Code != 40002 || r.BatchSize != c.rows || r.EventID == "" {
						t.Errorf("rejection: got %+v, want TikTok's text, code and request id", r)
					}
				}
			})
		})
	}
}

func everyNth(n, step int) (ids []string) {
	for i := step / 2; i < n; i += step {
		ids = append(ids, strconv.Itoa(i))
	}
	return ids
}

func allBut(n, good int) (ids []string) {
	for i := range n {
		if i != good {
			ids = append(ids, strconv.Itoa(i))
		}
	}
	return ids
}

func TestFindingTheBadRowsTakesABoundedNumberOfCalls(t *testing.T) {
	check := func(t *testing.T, n int, bad []string) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, options{}, refusing(bad...))
			c := w.deliver(n)
			bound := 2*float64(len(bad))*math.Log2(float64(n)) + 2 + float64(len(bad)) + math.Ceil(float64(len(bad))/handful) // and the controls
			if got := len(w.sent()); float64(got) > bound {
				t.Errorf("%d rows, bad %v: got %d calls, want at most %.2f", n, bad, got, bound)
			}
			if want := fmt.Sprintf("%d delivered, %d dead-lettered, 0 unsettled", n-len(bad), len(bad)); outcomes(c) != want {
				t.Errorf("%d rows, bad %v: got %s, want %s", n, bad, outcomes(c), want)
			}
		})
	}
	const trials = 40
	for n := 2; n <= 8; n++ {
		for set := 1; set < 1<<n-1; set++ { // of a call in which nothing is good nobody knows what is bad
			check(t, n, members(uint(set)))
		}
	}
	for range trials {
		n := 10 + rand.IntN(990)
		var bad []string
		for range 1 + rand.IntN(1<<rand.IntN(8)) {
			bad = append(bad, strconv.Itoa(1+rand.IntN(n-1)))
		}
		slices.Sort(bad)
		check(t, n, slices.Compact(bad))
	}
}

func members(set uint) (ids []string) {
	for ; set != 0; set &= set - 1 {
		ids = append(ids, strconv.Itoa(bits.TrailingZeros(set)))
	}
	return ids
}
