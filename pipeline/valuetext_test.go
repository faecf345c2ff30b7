package pipeline

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimesAreWrittenAsTheStandardLibraryWritesThem(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	years := []int64{0, -62167219200, -62167219201, 253402300799, 253402300800, 951782400, 1709164800, -1, 1 << 40, -1 << 40}
	nanos := []int32{0, 1, 10, 100_000_000, 123_456_000, 999_999_999, 120_000_000}
	for i := range 200_000 {
		sec, ns := random.Int64N(400_000_000_000)-100_000_000_000, int32(random.IntN(1e9))
		if i < len(years)*len(nanos) {
			sec, ns = years[i%len(years)], nanos[i/len(years)]
		}
		at := time.Unix(sec, int64(ns)).UTC()
		for _, c := range []struct {
			value  Value
			layout string
		}{
			{InstantValue(sec, ns), time.RFC3339Nano},
			{LocalValue(sec, ns), "2006-01-02T15:04:05.999999999"},
			{DateValue(at.Truncate(24*time.Hour).Unix() / 86400), time.DateOnly},
			{TimeOfDayValue(at.Sub(at.Truncate(24 * time.Hour)).Nanoseconds()), "15:04:05.999999999"},
		} {
			if got, want := c.value.Text(), at.Format(c.layout); got != want {
				t.Fatalf("seed %d, %d s %d ns: %s is %q, want %q", seed, sec, ns, c.value.Kind(), got, want)
			}
		}
	}
}
