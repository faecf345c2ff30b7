package avro

import (
	"bytes"
	"math/big"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// maxDigits bounds the digits of a number in JSON; maxExponent its exponent. Beyond them a number stays text.
const (
	maxDigits   = 1000
	maxExponent = 10000
)

// NumberValue reads a JSON number exactly: an Int, or a Decimal where it has a fraction or does not fit. A fraction of zeros alone is
// none: the id 12345 comes as 12345.0 from programs that keep it as floating point.
func NumberValue(text []byte) pipeline.Value {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return pipeline.IntValue(n)
	}
	digits, scale, ok := decimalParts(text)
	if !ok {
		return pipeline.StringValue(text)
	}
	if whole := len(digits) - int(scale); scale > 0 && whole > 0 && len(bytes.Trim(digits[whole:], "0")) == 0 {
		digits, scale = digits[:whole], 0
	}
	if n, err := strconv.ParseInt(string(digits), 10, 64); err == nil && scale == 0 {
		return pipeline.IntValue(n)
	} else if err == nil {
		return pipeline.DecimalValue(n, scale)
	}
	n, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return pipeline.StringValue(text)
	}
	return pipeline.BigDecimalValue(twosComplement(n), scale)
}

// decimalParts splits a number into its digits, with their sign, and the digits behind the point. A number
// without fraction keeps none: 1e3 is 1000.
func decimalParts(text []byte) (digits []byte, scale int32, ok bool) {
	exponent := 0
	for i, c := range text {
		if c|0x20 == 'e' {
			var err error
			if exponent, err = strconv.Atoi(string(text[i+1:])); err != nil || exponent > maxExponent || exponent < -maxExponent {
				return nil, 0, false
			}
			text = text[:i]
			break
		}
	}
	behind := 0
	digits = make([]byte, 0, len(text))
	for i, c := range text {
		if c == '.' {
			behind = len(text) - i - 1
			continue
		}
		digits = append(digits, c)
	}
	behind -= exponent
	for ; behind < 0 && len(digits) <= maxDigits; behind++ {
		digits = append(digits, '0')
	}
	return digits, int32(behind), len(digits) <= maxDigits
}

// twosComplement is a number as Java's BigInteger writes it: big-endian, as short as it can be.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		b := n.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	size := uint(n.BitLen()/8+1) * 8
	b := new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), size)).Bytes()
	if len(b) > 1 && b[0] == 0xff && b[1]&0x80 != 0 {
		b = b[1:]
	}
	return b
}
