package mapping

import (
	"bytes"

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

// numberOf keeps numbers exact: what fits neither an integer nor a decimal of 18 digits stays text.
func numberOf(raw []byte) pipeline.Value {
	var unscaled int64
	scale, digits, negative, fraction := int32(0), 0, false, false
	for _, c := range raw {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			fraction = true
		case c < '0' || c > '9' || digits == 18:
			return pipeline.StringValue(raw)
		default:
			unscaled, digits = unscaled*10+int64(c-'0'), digits+1
			if fraction {
				scale++
			}
		}
	}
	if negative {
		unscaled = -unscaled
	}
	if !fraction {
		return pipeline.IntValue(unscaled)
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
