package avro

import (
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// native gives goavro's Go value of a type its pipeline value. goavro knows the repaired schema, so the value is bare:
// what it means is added here.
func (d *Dialect) native(t *Type, v any) pipeline.Value {
	switch v := v.(type) {
	case nil:
		return pipeline.NullValue()
	case bool:
		return pipeline.BoolValue(v)
	case int32:
		return IntValue(t.Meaning, int64(v))
	case int64:
		return IntValue(t.Meaning, v)
	case float32:
		return pipeline.Float32Value(v)
	case float64:
		return pipeline.FloatValue(v)
	case []byte:
		return d.BytesValue(t, v)
	case string:
		return d.nativeText(t, v)
	case []any:
		return d.nativeList(t, v)
	case map[string]any:
		return d.nativeMap(t, v)
	}
	return pipeline.Value{}
}

func (d *Dialect) nativeText(t *Type, s string) pipeline.Value {
	if t.Kind == KindEnum {
		return pipeline.StringValue(t.Symbols[slices.Index(t.goSymbols, s)])
	}
	return d.stringValue(t.Meaning, []byte(s))
}

func (d *Dialect) nativeList(t *Type, list []any) pipeline.Value {
	elems := make([]pipeline.Value, len(list))
	for i, v := range list {
		elems[i] = d.native(t.Items, v)
	}
	return d.listValue(elems)
}

// nativeMap reads what goavro gives as a map: a record, a map, or a union's value under its type's name.
func (d *Dialect) nativeMap(t *Type, m map[string]any) pipeline.Value {
	switch t.Kind {
	case KindRecord:
		return d.nativeRecord(t, m)
	case KindUnion:
		if b, v, ok := unwrap(t, m); ok {
			return d.native(b, v)
		}
		return pipeline.Value{}
	}
	names := slices.Sorted(maps.Keys(m))
	values := make([]pipeline.Value, len(names))
	for i, n := range names {
		values[i] = d.native(t.Items, m[n])
	}
	return d.mapValue(names, values)
}

// unwrap takes a union's value out of the map goavro wraps it in.
func unwrap(t *Type, m map[string]any) (*Type, any, bool) {
	for name, v := range m {
		for _, b := range t.Branches {
			if b.GoavroName() == name {
				return b, v, true
			}
		}
	}
	return nil, nil, false
}

// GoavroName is what goavro calls a type within a union.
func (t *Type) GoavroName() string {
	if t.goName != "" {
		return t.goName
	}
	return t.Kind.String()
}

func (d *Dialect) nativeRecord(t *Type, m map[string]any) pipeline.Value {
	names, values := make([]string, len(t.Fields)), make([]pipeline.Value, len(t.Fields))
	for i, f := range t.Fields {
		names[i], values[i] = f.Name, d.native(f.Type, m[f.GoName])
	}
	return recordValue(t.Meaning, pipeline.StructValue(names, values))
}

// recordValue reads the records that stand for one value: Debezium's decimals of any scale and its structured times.
func recordValue(m Meaning, v pipeline.Value) pipeline.Value {
	switch m {
	case VarDecimal:
		return varDecimalValue(v)
	case StructuredDate, StructuredTime, StructuredTimestamp, StructuredZonedTimestamp:
		return structuredValue(m, v)
	}
	return v
}

func varDecimalValue(v pipeline.Value) pipeline.Value {
	scale, value := v.Member("scale"), v.Member("value")
	if value.Kind() == pipeline.Unavailable {
		return value
	}
	if scale.Kind() != pipeline.Int || value.Kind() != pipeline.Bytes || scale.Int() != int64(int32(scale.Int())) {
		return v
	}
	var d pipeline.Value
	setDecimal(&d, value.Bytes(), int32(scale.Int()))
	return d
}

// structuredValue composes a time of its components. A special one (infinity) and one that does not exist stay records.
func structuredValue(m Meaning, v pipeline.Value) pipeline.Value {
	if special := v.Member("specialValue"); !special.IsNull() {
		return v
	}
	year, month, day := v.Member("year").Int(), v.Member("month").Int(), v.Member("day").Int()
	ns := ((v.Member("hour").Int()*60+v.Member("minute").Int())*60+v.Member("second").Int())*nano + v.Member("nanos").Int()
	if ns < 0 || ns > 24*3600*nano {
		return v
	}
	if m == StructuredTime {
		return pipeline.TimeOfDayValue(ns)
	}
	at := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if year < -999999999 || year > 999999999 || month < 1 || month > 12 || day < 1 || day > 31 || int64(at.Day()) != day {
		return v
	}
	date := at.Unix() / 86400
	switch m {
	case StructuredDate:
		return pipeline.DateValue(date)
	case StructuredTimestamp:
		return pipeline.LocalValue(date*86400+ns/nano, int32(ns%nano))
	}
	return pipeline.InstantValue(date*86400+ns/nano-v.Member("offsetSeconds").Int(), int32(ns%nano))
}

// FromNative fills the slots from a record that goavro decoded.
func (p *Plan) FromNative(m map[string]any, values []pipeline.Value) {
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		v := m[s.Field.GoName]
		switch {
		case s.Slot >= 0:
			values[s.Slot] = p.dialect.native(s.Field.Type, v)
		case s.sub != nil && v == nil:
			s.sub.setNull(values)
		case s.sub != nil:
			s.sub.FromNative(s.within(v), values)
		}
	}
	p.copy(values)
}

// within takes a nested record out of its union.
func (s *Step) within(v any) map[string]any {
	m, _ := v.(map[string]any)
	if s.Null >= 0 {
		m, _ = m[s.Type.GoavroName()].(map[string]any)
	}
	return m
}
