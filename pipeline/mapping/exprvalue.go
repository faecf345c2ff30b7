package mapping

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// anyOf is the value as expressions see it: nil, bool, int, float64, string, time.Time, time.Duration, []any or
// map[string]any. Texts alias the row.
func anyOf(r *Row, v pipeline.Value) (any, error) {
	switch v.Kind() {
	case pipeline.Missing, pipeline.Null:
		return nil, nil
	case pipeline.Unavailable:
		return nil, pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, "", "a value that was read from the database")
	case pipeline.Bool:
		return v.Bool(), nil
	case pipeline.Int:
		return int(v.Int()), nil
	case pipeline.Float, pipeline.Float32:
		return v.Float(), nil
	case pipeline.Decimal:
		return decimalNumber(v), nil
	case pipeline.Instant, pipeline.Local, pipeline.Date:
		t, _ := v.Time(time.UTC)
		return t, nil
	case pipeline.Duration:
		return time.Duration(v.Int()), nil
	case pipeline.List:
		return listOf(r, r.Elements(v))
	case pipeline.Struct:
		return mapOf(r, r.Members(v))
	case pipeline.JSON:
		return jsonAny(r, v)
	}
	return alias(r.Text(v)), nil
}

func decimalNumber(v pipeline.Value) any {
	if n, ok := integerOf(v); ok {
		return int(n)
	}
	f, _ := floatOf(v)
	return f
}

func jsonAny(r *Row, v pipeline.Value) (any, error) {
	switch {
	case IsList(v):
		return listOf(r, r.Elements(v))
	case IsObject(v):
		return mapOf(r, r.Members(v))
	}
	if scalar := r.unwrap(v); scalar.Kind() != pipeline.JSON {
		return anyOf(r, scalar)
	}
	return nil, badJSON()
}

func badJSON() error {
	return pipeline.Reject(pipeline.StageMap, pipeline.WrongType, "", "well-formed JSON")
}

func listOf(r *Row, it Elements) (any, error) {
	list := []any{}
	for it.Next() {
		v, err := anyOf(r, it.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if it.Bad {
		return nil, badJSON()
	}
	return list, nil
}

func mapOf(r *Row, it Members) (any, error) {
	m := map[string]any{}
	for it.Next() {
		v, err := anyOf(r, it.Value)
		if err != nil {
			return nil, err
		}
		m[it.Name] = v
	}
	if it.Bad {
		return nil, badJSON()
	}
	return m, nil
}

// valueOf is the way back from an expression's result.
func valueOf(x any) (pipeline.Value, bool) {
	switch x := x.(type) {
	case nil:
		return pipeline.NullValue(), true
	case bool:
		return pipeline.BoolValue(x), true
	case int:
		return pipeline.IntValue(int64(x)), true
	case int64:
		return pipeline.IntValue(x), true
	case float64:
		return pipeline.FloatValue(rounded(x)), true
	case string:
		return pipeline.StringValue(bytesOf(x)), true
	case []byte:
		return pipeline.BytesValue(x), true
	case time.Time:
		return pipeline.InstantValue(x.Unix(), int32(x.Nanosecond())), true
	case time.Duration:
		return pipeline.DurationValue(int64(x)), true
	case []any:
		return listValue(x)
	case []string:
		return listValue(boxed(x))
	case map[string]any:
		return structValue(x)
	}
	return pipeline.Value{}, false
}

// rounded takes off what binary fractions add in arithmetic: 19.99 * 100 is 1999. Fifteen digits are exact.
func rounded(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	var buf [32]byte
	short, err := strconv.ParseFloat(alias(strconv.AppendFloat(buf[:0], f, 'g', 15, 64)), 64)
	if err != nil {
		return f
	}
	return short
}

func boxed(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

func listValue(list []any) (pipeline.Value, bool) {
	values := make([]pipeline.Value, len(list))
	for i, x := range list {
		v, ok := valueOf(x)
		if !ok {
			return v, false
		}
		values[i] = v
	}
	return pipeline.ListValue(values), true
}

func structValue(m map[string]any) (pipeline.Value, bool) {
	names := slices.Sorted(maps.Keys(m))
	values := make([]pipeline.Value, len(names))
	for i, name := range names {
		v, ok := valueOf(m[name])
		if !ok {
			return v, false
		}
		values[i] = v
	}
	return pipeline.StructValue(names, values), true
}
