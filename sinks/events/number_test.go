package events

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TestNumbersKeepTheirValue throws numbers of every kind at the writer; what it writes must be the same number, exactly.
func TestNumbersKeepTheirValue(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 5_000 {
		v, want := randomNumber(r)
		written, reason := appendNumber(nil, v)
		got, ok := new(big.Rat).SetString(string(written))
		if reason != "" || !ok || got.Cmp(want) != 0 || len(written) > 150 {
			t.Fatalf("seed %d: got %s, %q, want %s", seed, written, reason, want.RatString())
		}
	}
}

func randomNumber(r *rand.Rand) (pipeline.Value, *big.Rat) {
	switch r.IntN(4) {
	case 0:
		n := r.Int64() >> r.IntN(63)
		return pipeline.IntValue(n), new(big.Rat).SetInt64(n)
	case 1:
		f := math.Abs(math.Float64frombits(r.Uint64()))
		if r.IntN(2) == 0 || math.IsNaN(f) || f > 1e300 || f < 1e-300 {
			f = float64(r.IntN(1_000_000)) / 100
		}
		exact, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64)) // the shortest text that is this float
		return pipeline.FloatValue(f), exact
	case 2:
		n, scale := r.Int64N(1e15), r.IntN(30)-5
		return pipeline.DecimalValue(n, int32(scale)), ratOf(n, scale)
	}
	n, scale := r.Int64N(1e12), r.IntN(8)
	text := ratOf(n, scale).FloatString(scale) + []string{"", "0", "00"}[r.IntN(3)]
	if scale == 0 {
		text = strconv.FormatInt(n, 10) + []string{"", ".", ".0", "e0", "E+00"}[r.IntN(5)]
	}
	return pipeline.StringValue([]byte(" " + text)), ratOf(n, scale)
}

func ratOf(n int64, scale int) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatInt(n, 10) + "e" + strconv.Itoa(-scale))
	return r
}

func TestNumbersOutsideTheLimitsAreRefused(t *testing.T) {
	for text, want := range map[string]pipeline.Reason{
		strings.Repeat("9", 100): "", strings.Repeat("9", 101): pipeline.InvalidNumber, "1" + strings.Repeat("0", 99): "",
		"0." + strings.Repeat("0", 500) + "1": pipeline.InvalidNumber, "1e309": pipeline.InvalidNumber, "1e308": pipeline.InvalidNumber, "9.9e307": "",
		"1e9999999999": pipeline.InvalidNumber, "e5": pipeline.InvalidNumber, ".": pipeline.InvalidNumber, "-": pipeline.InvalidNumber, "": pipeline.InvalidNumber, "1.2.3": pipeline.InvalidNumber,
		"--1": pipeline.InvalidNumber, "1-": pipeline.InvalidNumber, "1e": pipeline.InvalidNumber, "1e+": pipeline.InvalidNumber, "1 2": pipeline.InvalidNumber, "-1e-300": pipeline.NegativeNumber,
	} {
		written, got := appendNumber(nil, pipeline.StringValue([]byte(text)))
		if _, err := strconv.ParseFloat(string(written), 64); got != want || got == "" && err != nil {
			t.Errorf("%.20s (%d): got %s %q, want %q", text, len(text), written, got, want)
		}
	}
}

func TestPlainDecimalsAreWrittenAsAllDecimalsAre(t *testing.T) {
	for _, n := range []int64{0, 1, 9, 10, 99, 100, 1999, 12990, 1e9, 123456789, 1234567890, 1e17 + 5, math.MaxInt64} {
		for scale := range int32(maxPlainScale + 1) {
			v := pipeline.DecimalValue(n, scale)
			var d decimal
			if reason := d.read(v); reason != "" {
				t.Fatalf("%d at scale %d: %s", n, scale, reason)
			}
			if got, want := string(appendPlain(nil, n, int(scale))), string(d.append(nil)); got != want {
				t.Errorf("%d at scale %d: got %s, want %s", n, scale, got, want)
			}
		}
	}
}
