package mapping

import (
	"bytes"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// scalarOf reads a JSON value: strings, numbers and words become Values of their kind, objects and arrays stay JSON.
// Unescaped text goes to the scratch, which the Value then aliases.
func scalarOf(raw []byte, scratch *[]byte) (pipeline.Value, bool) {
	switch raw[0] {
	case '{', '[':
		return pipeline.JSONValue(raw), true
	case '"':
		text, ok := unescape(raw[1:len(raw)-1], scratch)
		return pipeline.StringValue(text), ok
	case 't', 'f':
		return pipeline.BoolValue(raw[0] == 't'), true
	case 'n':
		return pipeline.NullValue(), true
	}
	return numberOf(raw), true
}

// numberOf keeps numbers exact: what fits neither an integer nor a decimal of 18 digits stays text. A whole number is one however it
// is written: the id 12345 comes as 12345.0 and 1.2345E4 from programs that keep it as floating point.
func numberOf(raw []byte) pipeline.Value {
	var unscaled int64
	scale, digits, negative, fraction := int32(0), 0, false, false
	for i, c := range raw {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			fraction = true
		case c|0x20 == 'e':
			exponent, err := strconv.ParseInt(alias(raw[i+1:]), 10, 8)
			if err != nil {
				return pipeline.StringValue(raw)
			}
			return decimalOf(raw, negative, unscaled, scale-int32(exponent))
		case digits == 18:
			return pipeline.StringValue(bytes.TrimSuffix(raw, []byte(".0")))
		default:
			unscaled, digits = unscaled*10+int64(c-'0'), digits+1
			if fraction {
				scale++
			}
		}
	}
	return decimalOf(raw, negative, unscaled, scale)
}

// decimalOf makes the value unscaled × 10^-scale of fewer than 19 digits, or leaves the text.
func decimalOf(raw []byte, negative bool, unscaled int64, scale int32) pipeline.Value {
	const bound = 1_000_000_000_000_000_000
	for ; scale < 0 && unscaled < bound/10; scale++ {
		unscaled *= 10
	}
	if scale < 0 || scale > 18 {
		return pipeline.StringValue(raw)
	}
	power := int64(1)
	for range scale {
		power *= 10
	}
	whole := unscaled%power == 0
	if negative {
		unscaled = -unscaled
	}
	if whole {
		return pipeline.IntValue(unscaled / power)
	}
	return pipeline.DecimalValue(unscaled, scale)
}

// unescape gives the text of a JSON string without its quotes. A lone surrogate is not text.
func unescape(raw []byte, scratch *[]byte) (text []byte, ok bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	start := len(*scratch)
	*scratch, ok = jsontext.Unescape(*scratch, raw)
	return (*scratch)[start:], ok
}
