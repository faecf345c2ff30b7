package events

import (
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// ownProperty appends a property of the company's own with the JSON type its column has.
func (m *Maker) ownProperty(dst []byte, s *step, v pipeline.Value) ([]byte, error) {
	switch v.Kind() {
	case pipeline.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case pipeline.Int:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case pipeline.Float, pipeline.Float32, pipeline.Decimal:
		var d decimal
		if reason := d.read(v); reason != "" {
			return dst, invalid(reason, s.spec.name, numberRule(reason, false))
		}
		return d.append(dst), nil
	}
	if mapping.IsList(v) {
		return m.customList(dst, s, v)
	}
	return m.scalar(dst, s.own, v)
}

func (m *Maker) customList(dst []byte, s *step, v pipeline.Value) (_ []byte, err error) {
	start, n := len(dst), 0
	it := m.row.Elements(v)
	for ; it.Next(); n++ {
		if mapping.IsList(it.Value) {
			m.notes.Add(s.spec.name, pipeline.LeftOut, "a list in a list is not sent")
			continue
		}
		if mapping.IsBlank(it.Value) {
			continue
		}
		if n == maxElements {
			return dst, invalid(pipeline.TooManyElements, s.spec.name, "at most 1000 elements")
		}
		if dst, err = m.ownProperty(append(dst, separator(dst, start)), s, it.Value); err != nil {
			return dst, err
		}
	}
	switch {
	case it.Bad:
		return dst, invalid(pipeline.WrongType, s.spec.name, "well-formed JSON")
	case len(dst) == start:
		return dst, nil
	}
	return append(dst, ']'), nil
}
