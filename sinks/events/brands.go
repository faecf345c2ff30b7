package events

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// brandMembers are the members of one brand in device.browser_version_list.
var brandMembers = [...]string{"brand", "version"}

const brandRule = "a list of objects with brand and version"

// brands appends a browser's brands as the browser itself lists them: [{"brand": "Chromium", "version": "140"}].
func (m *Maker) brands(dst []byte, s *step) ([]byte, error) {
	v, err := s.get.Value(m.row)
	if err != nil || missing(v) != "" {
		return dst, err
	}
	if v.Kind() == pipeline.String {
		v = pipeline.JSONValue(v.Bytes())
	}
	if mapping.IsBlank(v) { // JSON's null
		return dst, nil
	}
	if !mapping.IsList(v) {
		return dst, invalid(pipeline.WrongType, s.spec.name, brandRule)
	}
	return m.brandList(dst, s, v)
}

func (m *Maker) brandList(dst []byte, s *step, v pipeline.Value) (_ []byte, err error) {
	start, n := len(dst), 0
	it := m.row.Elements(v)
	for ; it.Next(); n++ {
		if n == maxElements {
			return dst, invalid(pipeline.TooManyElements, s.spec.name, "at most 1000 elements")
		}
		if dst, err = m.brand(append(dst, separator(dst, start)), s, it.Value); err != nil {
			return dst, err
		}
	}
	switch {
	case it.Bad:
		return dst, invalid(pipeline.WrongType, s.spec.name, "well-formed JSON")
	case n == 0:
		return dst, nil
	}
	return append(dst, ']'), nil
}

// brand appends one brand, which has to have a value.
func (m *Maker) brand(dst []byte, s *step, v pipeline.Value) (_ []byte, err error) {
	if !mapping.IsObject(v) {
		return dst, invalid(pipeline.WrongType, s.spec.name, brandRule)
	}
	var values [len(brandMembers)]pipeline.Value
	it := m.row.Members(v)
	for it.Next() {
		for i, name := range brandMembers {
			if it.Name == name {
				values[i] = it.Value
			}
		}
	}
	if it.Bad {
		return dst, invalid(pipeline.WrongType, s.spec.name, "well-formed JSON")
	}
	dst = append(dst, '{')
	start := len(dst)
	for i, v := range values {
		if missing(v) != "" {
			continue
		}
		mark := len(dst)
		dst = append(appendKey(comma(dst), brandMembers[i]), ':')
		before := len(dst)
		if dst, err = m.textual(dst, s.own, v); err != nil {
			return dst, err
		}
		if len(dst) == before { // a placeholder
			dst = dst[:mark]
		}
	}
	if len(dst) == start {
		return dst, invalid(pipeline.WrongType, s.spec.name, brandRule)
	}
	return append(dst, '}'), nil
}
