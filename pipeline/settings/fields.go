package settings

import (
	"reflect"
	"slices"
	"strings"
)

// fields are the settings of a struct type.
type fields struct {
	names  []string // in the order of the struct
	byName map[string]reflect.StructField
	others map[string]string // what others call a key, from `also:"a,b"` tags → the key
}

func fieldsOf(t reflect.Type) fields {
	fs := fields{byName: map[string]reflect.StructField{}, others: map[string]string{}}
	fs.add(t, nil)
	return fs
}

// add lists the fields of a struct, those of untagged embedded structs among them.
func (fs *fields) add(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		f.Index = append(slices.Clone(index), i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			fs.add(f.Type, f.Index)
		case name != "" && name != "-" && f.IsExported():
			fs.names = append(fs.names, name)
			fs.byName[name] = f
			if also, ok := f.Tag.Lookup("also"); ok {
				for other := range strings.SplitSeq(also, ",") {
					fs.others[other] = name
				}
			}
		}
	}
}
