package mapping

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// binder puts slots in the place of names.
type binder struct {
	expr *Expr
	cols *Columns
}

// bind replaces a node by $env[i], the i-th slot.
func (b binder) bind(node *ast.Node, s slot) {
	i := slices.Index(b.expr.slots, s)
	if i < 0 {
		i = len(b.expr.slots)
		b.expr.slots = append(b.expr.slots, s)
	}
	ast.Patch(node, &ast.MemberNode{Node: &ast.IdentifierNode{Value: "$env"}, Property: &ast.IntegerNode{Value: i}})
}

// memberPatcher binds after.x and before.x, and finds calls of functions that do not exist. It runs first, while names
// are still names.
type memberPatcher struct {
	binder
	unknown string // such a function
}

func (p *memberPatcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok && !isClock(n) {
			p.unknown = name.Value
		}
	case *ast.MemberNode:
		p.member(node, n)
	}
}

func (p *memberPatcher) member(node *ast.Node, member *ast.MemberNode) {
	image, ok := member.Node.(*ast.IdentifierNode)
	column, isName := member.Property.(*ast.StringNode)
	if !ok || !isName {
		return
	}
	switch image.Value {
	case "after":
		p.bind(node, slot{after, p.cols.Index(column.Value)})
	case "before":
		p.bind(node, slot{before, p.cols.IndexOld(column.Value)})
	}
}

// localFinder collects the names that `let` declares: they are no columns.
type localFinder struct{ names *namePatcher }

func (f *localFinder) Visit(node *ast.Node) {
	if v, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		f.names.locals = append(f.names.locals, v.Name)
	}
}

// namePatcher binds what is left: op, after and before by themselves, now(), and columns.
type namePatcher struct {
	binder
	locals  []string
	literal string // of another language: NULL, say
}

func (p *namePatcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		if isClock(n) {
			p.bind(node, slot{from: clock})
		}
	case *ast.IdentifierNode:
		p.name(node, n.Value)
	}
}

func isClock(call *ast.CallNode) bool {
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == "now" && len(call.Arguments) == 0
}

func (p *namePatcher) name(node *ast.Node, name string) {
	switch {
	case name == "$env" || name == "now" || slices.Contains(p.locals, name):
	case name == "op":
		p.bind(node, slot{from: opName})
	case name == "after":
		p.bind(node, slot{from: hasAfter})
	case name == "before":
		p.bind(node, slot{from: hasOld})
	case literals[name] != "":
		p.literal = name
	default:
		p.bind(node, slot{current, p.cols.Index(name)})
	}
}
