package mapping

import (
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// Elements walks the elements of a list, whether it is an array of the schema or JSON text.
//
//	for it := r.Elements(v); it.Next(); { … it.Value … }
//
// Bad says, after the walk, that the JSON was not well-formed; elements before the fault have been given out.
type Elements struct {
	Value pipeline.Value
	Bad   bool

	list    []pipeline.Value
	json    jsontext.Walker
	scratch *[]byte // nil where it walks the list
}

// IsList reports whether the value is a list: an array, or JSON text of one.
func IsList(v pipeline.Value) bool {
	switch v.Kind() {
	case pipeline.List:
		return true
	case pipeline.JSON:
		return jsontext.First(v.Bytes()) == '['
	}
	return false
}

// Elements starts the walk of a list for which IsList is true.
func (r *Row) Elements(v pipeline.Value) Elements {
	if v.Kind() == pipeline.List {
		return Elements{list: v.Elems()}
	}
	return Elements{json: jsontext.Walk(v.Bytes()), scratch: &r.scratch}
}

// Next goes to the next element; false at the end.
func (e *Elements) Next() bool {
	if e.scratch == nil {
		return e.nextOfList()
	}
	return e.nextOfText()
}

func (e *Elements) nextOfText() bool {
	if !e.json.Next() {
		e.Bad = e.json.Bad
		return false
	}
	v, ok := scalarOf(e.json.Value, e.scratch)
	e.Value, e.Bad = v, !ok
	return ok
}

func (e *Elements) nextOfList() bool {
	if len(e.list) == 0 {
		return false
	}
	e.Value, e.list = e.list[0], e.list[1:]
	return true
}

// Members walks the members of a record, a map or a JSON object, as Elements does a list.
type Members struct {
	Elements
	Name string // aliases the text it was read from

	names []string
}

// IsObject reports whether the value has members.
func IsObject(v pipeline.Value) bool {
	switch v.Kind() {
	case pipeline.Struct:
		return true
	case pipeline.JSON:
		return jsontext.First(v.Bytes()) == '{'
	}
	return false
}

// Members starts the walk of a value for which IsObject is true.
func (r *Row) Members(v pipeline.Value) Members {
	if v.Kind() == pipeline.Struct {
		return Members{Elements: Elements{list: v.Elems()}, names: v.Names()}
	}
	return Members{Elements: Elements{json: jsontext.Walk(v.Bytes()), scratch: &r.scratch}}
}

// Next goes to the next member; false at the end.
func (m *Members) Next() bool {
	if m.scratch == nil {
		return m.nextOfStruct()
	}
	if !m.nextOfText() {
		return false
	}
	name, ok := unescape(m.json.Name, m.scratch)
	m.Name, m.Bad = alias(name), !ok
	return ok
}

func (m *Members) nextOfStruct() bool {
	if len(m.names) == 0 {
		return false
	}
	m.Name, m.names = m.names[0], m.names[1:]
	return m.nextOfList()
}

// at follows one step of a path: the name of a member, or the index of an element. What is not there is Missing.
func (r *Row) at(v pipeline.Value, step string) pipeline.Value {
	if v.Kind() == pipeline.Struct {
		return v.Member(step)
	}
	if IsObject(v) {
		return r.jsonMember(v, step)
	}
	index, err := strconv.Atoi(step)
	if err != nil || !IsList(v) {
		return pipeline.Value{}
	}
	return r.element(v, index)
}

// jsonMember takes the last member of that name, as most readers of JSON do.
func (r *Row) jsonMember(v pipeline.Value, name string) (found pipeline.Value) {
	it := r.Members(v)
	for it.Next() {
		if it.Name == name {
			found = it.Value
		}
	}
	if it.Bad {
		return pipeline.Value{}
	}
	return found
}

func (r *Row) element(v pipeline.Value, index int) pipeline.Value {
	it := r.Elements(v)
	for i := 0; it.Next(); i++ {
		if i == index {
			return it.Value
		}
	}
	return pipeline.Value{}
}
