package settings

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

func (n *Node) decodeScalar(v reflect.Value, at Place) {
	switch v.Kind() {
	case reflect.String:
		n.decodeString(v, at)
	case reflect.Bool:
		n.decodeBool(v, at)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.decodeInt(v, at)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.decodeUint(v, at)
	case reflect.Float32, reflect.Float64:
		n.decodeFloat(v, at)
	default:
		panic("settings: no settings in a " + v.Type().String())
	}
}

// textFor reads a value as text. A number is text only if every reader of YAML sees the same characters in it.
func (n *Node) textFor(at Place) (string, bool) {
	switch {
	case n.kind == String, n.kind == Int && exactInt(n.text), n.kind == Float && exactFloat(n.text):
		return n.text, true
	case n.kind == Int, n.kind == Float, n.kind == Bool:
		at.Problem("must be text", "put it in quotes")
	default:
		at.Problem("must be text", "")
	}
	return "", false
}

func (n *Node) decodeString(v reflect.Value, at Place) {
	if text, ok := n.textFor(at); ok {
		v.SetString(text)
	}
}

func (n *Node) decodeBool(v reflect.Value, at Place) {
	isBool := n.kind == Bool || n.substituted && (n.text == "true" || n.text == "false")
	if !isBool {
		at.Problem("must be true or false", "")
		return
	}
	v.SetBool(n.text == "true")
}

func (n *Node) decodeInt(v reflect.Value, at Place) {
	if !n.wholeNumber(at) {
		return
	}
	i, err := strconv.ParseInt(n.text, 0, v.Type().Bits())
	if err != nil {
		limit := int64(math.MaxInt64 >> (64 - v.Type().Bits()))
		at.Problem("must be a whole number between "+strconv.FormatInt(-limit-1, 10)+" and "+strconv.FormatInt(limit, 10), "")
		return
	}
	v.SetInt(i)
}

func (n *Node) decodeUint(v reflect.Value, at Place) {
	if !n.wholeNumber(at) {
		return
	}
	u, err := strconv.ParseUint(n.text, 0, v.Type().Bits())
	if err != nil {
		limit := uint64(math.MaxUint64 >> (64 - v.Type().Bits()))
		at.Problem("must be a whole number between 0 and "+strconv.FormatUint(limit, 10), "")
		return
	}
	v.SetUint(u)
}

// wholeNumber reports whether the value is written as one. A leading zero means eight to some readers of YAML and ten to
// others, so it is refused.
func (n *Node) wholeNumber(at Place) bool {
	switch {
	case n.kind == Int && leadingZero(n.text):
		at.Problem("must be a whole number without leading zeros", "")
	case n.kind == Int, n.kind == String && n.substituted && exactInt(n.text):
		return true
	case n.kind == String && exactInt(n.text):
		at.Problem("must be a whole number", "take off the quotes")
	default:
		at.Problem("must be a whole number", "")
	}
	return false
}

func (n *Node) decodeFloat(v reflect.Value, at Place) {
	isNumber := n.kind == Int || n.kind == Float || n.kind == String && n.substituted
	f, err := strconv.ParseFloat(n.text, v.Type().Bits())
	switch {
	case !isNumber || err != nil || math.IsInf(f, 0) || math.IsNaN(f):
		at.Problem("must be a number", "")
	default:
		v.SetFloat(f)
	}
}

// exactInt: decimal digits that no reader changes.
func exactInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || leadingZero(s) || s == "-0" {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

func leadingZero(s string) bool {
	digits := strings.TrimLeft(s, "+-")
	return len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
}

func exactFloat(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && strconv.FormatFloat(f, 'f', -1, 64) == s
}

// plain is the value for a field of type any.
func (n *Node) plain() any {
	switch n.kind {
	case Bool:
		return n.text == "true"
	case Int:
		if i, err := strconv.ParseInt(n.text, 0, 64); err == nil && !leadingZero(n.text) {
			return i
		}
	case Float:
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
	case List:
		return n.plainList()
	case Map:
		return n.plainMap()
	case Null:
		return nil
	}
	return n.text
}

func (n *Node) plainList() any {
	list := make([]any, len(n.items))
	for i, item := range n.items {
		list[i] = item.plain()
	}
	return list
}

func (n *Node) plainMap() any {
	m := make(map[string]any, len(n.pairs))
	for _, pair := range n.pairs {
		m[pair.Key] = pair.Value.plain()
	}
	return m
}
