package mapping

import (
	"math"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// minPlainSeconds is the least a number may be to mean a time: below, it is a count, or a date without dashes.
const minPlainSeconds = 100_000_000 // 1973

// unitOf is how many units make a second for a number whose type is not given. The ranges of the units do not touch for
// any time between 1973 and 5138, so this is not a guess.
func unitOf(n int64) (perSecond int64, ok bool) {
	switch {
	case n < minPlainSeconds:
		return 0, false
	case n < 1e11:
		return 1, true
	case n < 1e14:
		return 1e3, true
	case n < 1e17:
		return 1e6, true
	}
	return 1e9, true
}

// instantOf makes an Instant of a number of units.
func instantOf(n, perSecond int64) pipeline.Value {
	seconds, rest := n/perSecond, n%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return pipeline.InstantValue(seconds, int32(rest*(1e9/perSecond)))
}

// fractionalInstant does the same for a number with a fraction.
func fractionalInstant(f float64, perSecond int64) (pipeline.Value, bool) {
	seconds := f / float64(perSecond)
	if math.IsNaN(seconds) || math.Abs(seconds) > 1e14 {
		return pipeline.Value{}, false
	}
	whole := math.Floor(seconds)
	return pipeline.InstantValue(int64(whole), int32((seconds-whole)*1e9)), true
}

// numericTime reads a number, or a text of one, as a time; unit 0 finds the unit by the size of the number.
func numericTime(v pipeline.Value, perSecond int64) (pipeline.Value, bool) {
	if n, ok := integerOf(v); ok {
		if perSecond == 0 {
			if perSecond, ok = unitOf(n); !ok {
				return pipeline.Value{}, false
			}
		}
		return instantOf(n, perSecond), true
	}
	f, ok := floatOf(v)
	if !ok || math.Abs(f) > math.MaxInt64/2 {
		return pipeline.Value{}, false
	}
	if perSecond == 0 {
		if perSecond, ok = unitOf(int64(f)); !ok {
			return pipeline.Value{}, false
		}
	}
	return fractionalInstant(f, perSecond)
}

func integerOf(v pipeline.Value) (int64, bool) {
	switch v.Kind() {
	case pipeline.Int:
		return v.Int(), true
	case pipeline.Decimal:
		n, ok := v.Unscaled()
		return n, ok && v.Scale() == 0
	case pipeline.String:
		n, err := strconv.ParseInt(alias(Trim(v.Bytes())), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func floatOf(v pipeline.Value) (float64, bool) {
	var buf [64]byte
	switch v.Kind() {
	case pipeline.Float, pipeline.Float32:
		return v.Float(), true
	case pipeline.Int:
		return float64(v.Int()), true
	case pipeline.Decimal:
		f, err := strconv.ParseFloat(string(v.AppendText(buf[:0])), 64)
		return f, err == nil
	case pipeline.String:
		text := Trim(v.Bytes())
		if len(text) == 0 || !plainNumber(text) {
			return 0, false
		}
		f, err := strconv.ParseFloat(alias(text), 64)
		return f, err == nil
	}
	return 0, false
}

// plainNumber keeps out what ParseFloat takes next to numbers: Inf, NaN, hexadecimal, underscores.
func plainNumber(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) && c != '.' && c != '-' && c != 'e' && c != 'E' && c != '+' {
			return false
		}
	}
	return true
}

// parseISO reads what pipeline.ParseTime does, but for years that carry a sign: no event is that old or that far ahead.
func parseISO(text []byte) (pipeline.Value, bool) {
	if text = Trim(text); len(text) == 0 || !isDigit(text[0]) {
		return pipeline.Value{}, false
	}
	return pipeline.ParseTime(text)
}

// TimeRule says what Time reads.
func (g *Getter) TimeRule() string {
	if g.convert.layout != "" {
		return g.convert.rule()
	}
	return "a time: of a time type, ISO 8601, or a Unix time"
}

// Time reads any value that can be a point in time: a time of any kind, ISO text, or a number whose unit its size tells.
// Times without a zone are read in the field's.
func (g *Getter) Time(v pipeline.Value) (time.Time, bool) {
	v, ok := g.convert.time(v)
	if !ok {
		return time.Time{}, false
	}
	return v.Time(g.convert.zone)
}
