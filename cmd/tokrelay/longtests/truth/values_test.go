//go:build synctests

package truth

import (
	"fmt"
	"strings"
)

// Values that a history puts into its columns.

func text(s string) *string { return &s }

// null, and what people write for it.
func (w *world) nothing() cell {
	return cell{text: []*string{nil, text(""), text("n/a"), text("NULL"), text("  ")}[w.rand.IntN(5)]}
}

// email is an address; in households one of a few, else one that no other row has had.
func (w *world) email() cell {
	name := fmt.Sprintf("p%d@shop.example", w.rand.IntN(8))
	if !w.has[households] {
		w.unique++
		name = fmt.Sprintf("u%d@shop.example", w.unique)
	}
	return w.meaning(w.spelled(name), name)
}

func (w *world) meaning(written, means string) cell {
	w.addresses[sum(means)] = means
	return cell{text: text(written), means: means}
}

// spelled is an address as people write it.
func (w *world) spelled(name string) string {
	switch w.rand.IntN(4) {
	case 0:
		return " " + strings.ToUpper(name)
	case 1:
		return strings.ToUpper(name[:1]) + name[1:] + " "
	}
	return name
}

func (w *world) phone() cell {
	n := w.rand.IntN(5)
	if !w.has[households] {
		w.unique++
		n = w.unique % 10000
	}
	local := fmt.Sprintf("%04d", n)
	means := "+1213373" + local
	spelled := means
	if w.rand.IntN(2) == 0 {
		spelled = "+1 (213) 373-" + local
	}
	return w.meaning(spelled, means)
}

func (w *world) brokenEmail() cell {
	w.unique++
	return cell{text: text(fmt.Sprintf("broken %d at shop dot example", w.unique)), broken: true}
}

func (w *world) brokenPhone() cell {
	return cell{text: text([]string{"12", "+1213", "call me"}[w.rand.IntN(3)]), broken: true}
}

// person is a new row, mostly of a member with an address or two.
func (w *world) person() row {
	r := row{optIn: w.rand.IntN(4) > 0, lapsed: w.rand.IntN(2) == 0}
	switch w.rand.IntN(4) {
	case 0:
		r.email, r.phone = w.email(), w.phone()
	case 1:
		r.phone = w.phone()
	default:
		r.email = w.email()
	}
	if w.has[rejected] && w.rand.IntN(5) == 0 {
		r.phone = w.brokenPhone()
	}
	return r
}

// altered is the row's next version.
func (w *world) altered(r row) row {
	r.note++
	changes := []func(){
		func() {}, // a column no sync reads
		func() { r.optIn = !r.optIn },
		func() { r.lapsed = !r.lapsed },
		func() { r.email = w.email() },
		func() { r.phone = w.phone() },
		func() { r = w.person() },
	}
	more := map[kind][]func(){
		erasures: {
			func() { r.email = w.nothing() }, func() { r.phone = w.nothing() },
			func() { r.email, r.phone = w.nothing(), w.nothing() },
		},
		overwriting: {
			func() { r.email = cell{text: text("deleted"), broken: true} },
			func() { r.email, r.phone = cell{text: text("deleted"), broken: true}, cell{} },
		},
		rejected: {
			func() { r.email = w.brokenEmail() },
			func() { r.phone = w.brokenPhone() },
			func() { r.email, r.phone = w.brokenEmail(), w.brokenPhone() },
			func() { r.optIn, r.lapsed, r.email = true, true, w.brokenEmail() },
		},
		softDeletes: {
			func() { r.gone = !r.gone },
			func() { r.gone, r.email = true, w.brokenEmail() },
		},
		badOptOuts: {
			func() { r.optIn, r.lapsed, r.phone = false, false, w.brokenPhone() },
			func() { r.optIn, r.email = false, w.brokenEmail() },
		},
	}
	for _, k := range events { // in their order: a seed gives the same history
		if w.has[k] {
			changes = append(changes, more[k]...)
		}
	}
	changes[w.rand.IntN(len(changes))]()
	return r
}
