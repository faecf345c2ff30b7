package settings

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// keyTree are all keys of a configuration, to say where one belongs that is at the wrong level.
type keyTree struct {
	under map[string][][]string // key → the paths that may hold it; "[]" is any element of a list, "*" any name
}

func keysOf(t reflect.Type) *keyTree {
	tree := &keyTree{under: map[string][][]string{}}
	tree.add(t, nil, nil)
	return tree
}

func (k *keyTree) add(t reflect.Type, path []string, inside []reflect.Type) {
	if _, ok := reflect.New(t).Interface().(Decoder); ok && t.Kind() != reflect.Pointer || len(path) > maxDepth {
		return // its forms are its own
	}
	switch t.Kind() {
	case reflect.Pointer:
		k.add(t.Elem(), path, inside)
	case reflect.Slice:
		k.add(t.Elem(), grown(path, "[]"), inside)
	case reflect.Map:
		k.add(t.Elem(), grown(path, "*"), inside)
	case reflect.Struct:
		if slices.Contains(inside, t) {
			return
		}
		fs := fieldsOf(t)
		for _, name := range fs.names {
			k.under[name] = append(k.under[name], path)
			k.add(fs.byName[name].Type, grown(path, name), append(inside[:len(inside):len(inside)], t))
		}
	}
}

func grown(path []string, step string) []string { return append(path[:len(path):len(path)], step) }

// place says where a key belongs that is not known at a path: further up or down the same branch, or at the only place that
// knows it. "" where that is not certain.
func (r *Report) place(key, at string) string {
	if r == nil || r.of == nil {
		return ""
	}
	k, root, from := keysOf(r.of), r.root, steps(at)
	var there, near []string // of those up or down the branch: where the text has the place; all
	for _, to := range k.under[key] {
		common := commonSteps(from, to)
		if common < min(len(from), len(to)) {
			continue
		}
		path, given := placed(append(slices.Clone(from[:common]), to[common:]...), root)
		near = append(near, join(path, key))
		if given {
			there = append(there, join(path, key))
		}
	}
	switch {
	case len(there) > 0:
		near = there
	case len(near) == 0 && len(k.under[key]) == 1:
		path, _ := placed(k.under[key][0], root)
		near = append(near, join(path, key))
	}
	if len(near) == 0 || len(near) > 3 {
		return ""
	}
	return "write it as " + strings.Join(near, " or ")
}

// steps splits syncs[0].web_events into its steps.
func steps(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
}

// commonSteps counts the first steps of a path in the text that a path of the tree has too.
func commonSteps(from, to []string) int {
	for i := range min(len(from), len(to)) {
		if to[i] != from[i] && to[i] != "*" && (to[i] != "[]" || from[i][0] != '[') {
			return i
		}
	}
	return min(len(from), len(to))
}

// placed writes the steps of a path as the text has them, and reports whether it has all. Of several names or elements none is
// chosen.
func placed(steps []string, n *Node) (path string, given bool) {
	for _, step := range steps {
		switch {
		case step == "*" && n != nil && len(n.pairs) == 1:
			step = n.pairs[0].Key
			n = n.pairs[0].Value
		case step == "*":
			step, n = "NAME", nil
		case step == "[]" && n != nil && len(n.items) == 1:
			step, n = "[0]", n.items[0]
		case step == "[]":
			step, n = "[N]", nil
		case step[0] == '[':
			i, _ := strconv.Atoi(step[1 : len(step)-1]) // written by Index
			n = n.item(i)
		default:
			n = n.child(step)
		}
		if step[0] == '[' {
			path += step
		} else {
			path = join(path, step)
		}
	}
	return path, n != nil
}
