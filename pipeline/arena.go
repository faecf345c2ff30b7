package pipeline

// Arena holds the elements of lists, to be used again for the next row's: a list of a row then costs no allocation. The
// zero Arena works.
type Arena struct {
	values []Value
	heads  []elems
}

// maxArena is how many elements are kept for the next row.
const maxArena = 4096

// Reset gives everything back: lists made before are no longer to be read.
func (a *Arena) Reset() {
	a.values, a.heads = a.values[:0], a.heads[:0]
	if cap(a.values) > maxArena {
		*a = Arena{}
	}
}

// List makes a List of n elements, which the caller fills.
func (a *Arena) List(n int) (list Value, elements []Value) {
	if cap(a.values)-len(a.values) < n {
		a.values = make([]Value, 0, max(n, 2*cap(a.values), 16)) // lists made before keep the old ones
	}
	if len(a.heads) == cap(a.heads) {
		a.heads = make([]elems, 0, max(2*cap(a.heads), 4))
	}
	first := len(a.values)
	a.values = a.values[:first+n]
	elements = a.values[first : first+n : first+n]
	a.heads = append(a.heads, elems{values: elements})
	return listOf(&a.heads[len(a.heads)-1]), elements
}
