package settings

import (
	"cmp"
	"strconv"
)

// Place is a path in the configuration that problems are reported at. A path that is not in the text takes the position of
// its nearest parent that is. Places are values; the zero Place swallows what is reported at it.
type Place struct {
	report *Report
	path   string
	node   *Node  // the value there, or its nearest parent in the text
	given  bool   // the path itself is in the text
	hint   string // how a value is written here
}

// Root is the whole configuration.
func Root(r *Report) Place { return Place{report: r, node: r.root, given: r.root != nil} }

// Key is the value under a key.
func (p Place) Key(name string) Place { return p.under(Pair{Key: name, Value: p.node.child(name)}) }

// under is Key for a pair that is at hand: in a large map, looking for it would take long.
func (p Place) under(pair Pair) Place {
	p.path = join(p.path, pair.Key)
	return p.step(pair.Value)
}

// Index is an element of a list.
func (p Place) Index(i int) Place {
	p.path += "[" + strconv.Itoa(i) + "]"
	return p.step(p.node.item(i))
}

func (p Place) step(to *Node) Place {
	p.given, p.hint = p.given && to != nil, ""
	if p.given {
		p.node = to
	}
	return p
}

func (p Place) String() string { return p.path }

// Problem says what must hold here (rule) and what to do about it (hint), never the value. Once Load has found a value
// unreadable, nothing more is said about it: that it is missing, say.
func (p Place) Problem(rule, hint string) {
	if p.report == nil || !p.report.loading && p.node.isBroken() {
		return
	}
	if p.report.loading && p.given {
		p.node.broken, hint = true, cmp.Or(p.hint, hint)
	}
	p.report.add(p.node.position(), p.path, rule, hint, false)
}

// Warn says something that is no reason not to start.
func (p Place) Warn(rule, hint string) {
	if p.report != nil {
		p.report.add(p.node.position(), p.path, rule, hint, true)
	}
}
