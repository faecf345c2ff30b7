package settings

import "reflect"

// WithDefaults fills every field that is zero with the value of its `default:` tag, in structs within structs too, but not
// behind pointers or in lists. It is for configurations built in code, where zero is what was left out. Load does it before
// it reads: there, a zero that is written stays.
func WithDefaults[T any](c T) T {
	fill(reflect.ValueOf(&c).Elem())
	return c
}

func fill(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range fieldsOf(v.Type()).byName {
		field := v.FieldByIndex(f.Index)
		text, ok := f.Tag.Lookup("default")
		switch {
		case !ok:
			fill(field)
		case field.IsZero():
			setDefault(field, text)
		}
	}
}

// setDefault panics where the tag does not hold what the configuration takes.
func setDefault(field reflect.Value, text string) {
	var unread Report
	scalarNode(text).decode(field, Root(&unread))
	if err := unread.Err(); err != nil {
		panic("settings: the tag default:\"" + text + "\": " + err.Error())
	}
}
