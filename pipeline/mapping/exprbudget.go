package mapping

import (
	"errors"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// The library bounds memory, not time: any(list, any(list, …)) over a hundred thousand elements is 10^10 steps. So each step
// of such a loop is counted. The first ones are free, whatever the clock says: a process that was frozen meanwhile rejects nothing.
const (
	freeSteps = 256
	lookEvery = 8 // steps between looks at the clock
	mostTime  = time.Second
)

// stepOf is the function that a loop's body goes through.
const stepOf = "$step"

var errTooLong = errors.New("too long")

// budget is what one run of an expression has used.
type budget struct {
	steps int
	began time.Time
}

func (b *budget) step() error {
	if b.steps++; b.steps == 1 {
		b.began = time.Now()
	}
	if b.steps > freeSteps && b.steps%lookEvery == 0 && time.Since(b.began) > mostTime {
		return errTooLong
	}
	return nil
}

// step gives back what the body of a loop gave.
func step(args ...any) (any, error) { return args[1], args[0].(*budget).step() }

// counted is the option that knows the function; its forms keep the types that the compiler checks bodies by.
func counted() expr.Option {
	return expr.Function(stepOf, step, new(func(any, bool) bool), new(func(any, int) int), new(func(any, float64) float64), new(func(any, string) string), new(func(any, any) any))
}

// long reports whether a node may itself go through a list or a text. A loop without one takes as long as the row, and is not
// counted: a step costs a microsecond.
func long(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BuiltinNode, *ast.CallNode:
		return true
	case *ast.BinaryNode:
		return n.Operator == "in" || n.Operator == "matches" || n.Operator == "contains" || n.Operator == "+"
	}
	return false
}

// stepPatcher puts it around the bodies of loops that may take long.
type stepPatcher struct{ binder }

func (p stepPatcher) Visit(node *ast.Node) {
	body, ok := (*node).(*ast.PredicateNode)
	if !ok || ast.Find(body.Node, long) == nil {
		return
	}
	var spent ast.Node = &ast.NilNode{}
	p.bind(&spent, slot{from: used})
	body.Node = &ast.CallNode{Callee: &ast.IdentifierNode{Value: stepOf}, Arguments: []ast.Node{spent, body.Node}}
}
