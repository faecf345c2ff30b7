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
}

func fieldsOf(t reflect.Type) fields {
	fs := fields{byName: map[string]reflect.StructField{}}
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
		}
	}
}

// didYouMean helps with an unknown key.
func didYouMean(key string, known []string) string {
	if hint := nearest(key, known); hint != "" {
		return hint
	}
	if len(known) > 16 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(known))
	return "known keys: " + strings.Join(sorted, ", ")
}

// nearest finds the known word that was probably meant, if one is near.
func nearest(word string, known []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k), distance); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// editDistance counts the letters to insert, delete, change or swap with their neighbour; far apart is only `limit`.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 {
		return limit
	}
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
