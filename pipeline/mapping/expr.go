package mapping

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Expr is a compiled expression over a row. Its columns are slots, filled before each run: bare names are the row as it
// is now, after.x and before.x its images, op the operation.
type Expr struct {
	program *vm.Program
	slots   []slot
}

// slot is what an expression reads: a column of an image, or something else about the change.
type slot struct {
	from   source
	column int
}

type source uint8

const (
	current  source = iota // a column of the row as it is now
	after                  // a column of the new image
	before                 // a column of the old image
	hasAfter               // whether there is a new image
	hasOld                 // whether there is an old image
	opName                 // the operation's name
	clock                  // now()
	used                   // the budget
)

// compile parses the expression, ties its names to columns and checks its types.
func compile(text string, cols *Columns, options ...expr.Option) (*Expr, error) {
	x := &Expr{}
	members := &memberPatcher{binder: binder{x, cols}}
	names := &namePatcher{binder: binder{x, cols}}
	options = append(options, expr.DisableBuiltin("now"), expr.Patch(members), expr.Patch(&localFinder{names}), expr.Patch(names),
		expr.Function(textOf, textOfValue, new(func(any) string)), expr.Function(zoneOf, certain, new(func(time.Time) time.Time)), expr.Patch(textPatcher{}),
		counted(), expr.Patch(stepPatcher{binder{x, cols}}))
	program, err := expr.Compile(text, options...)
	switch {
	case members.unknown != "":
		return nil, unknownFunction(members.unknown)
	case names.literal != "":
		return nil, noColumn(names.literal)
	case err != nil:
		return nil, err
	}
	x.program = program
	return x, nil
}

// firstLine leaves out the excerpt that the library draws under its errors.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(strings.TrimSpace(line))
}

func mustCompile(text string, cols *Columns) *Expr {
	x, err := compile(text, cols)
	if err != nil {
		panic("mapping: compiled before it was validated: " + firstLine(err).Error())
	}
	return x
}

func checkExpr(text string, at settings.Place, options ...expr.Option) {
	if _, err := compile(text, &Columns{}, options...); err != nil {
		at.Problem(explain(text, err))
	}
}

// evaluator runs expressions for one goroutine.
type evaluator struct {
	now   func() time.Time
	vm    vm.VM
	slots []any
	env   any // &slots, boxed once
	used  budget
}

// eval runs the expression; its error is a *pipeline.Rejection without a field.
func (x *Expr) eval(r *Row) (pipeline.Value, error) {
	out, err := x.run(r)
	if err != nil {
		return pipeline.Value{}, err
	}
	v, ok := valueOf(out)
	if !ok {
		return v, pipeline.Reject(pipeline.StageMap, pipeline.ExpressionFailed, "", "a result that can be a value")
	}
	return v, nil
}

func (x *Expr) run(r *Row) (any, error) {
	e := &r.eval
	if e.env == nil {
		e.env = &e.slots
	}
	e.slots, e.used.steps = e.slots[:0], 0
	for _, s := range x.slots {
		v, err := s.read(r)
		if err != nil {
			return nil, err
		}
		e.slots = append(e.slots, v)
	}
	out, err := e.vm.Run(x.program, e.env)
	if err != nil {
		return nil, failed(err)
	}
	return out, nil
}

// failed tells where the expression failed, not on what: the library's own words may hold the row's values.
func failed(err error) *pipeline.Rejection {
	rule := "an expression that copes with every row"
	if errors.Is(err, errTooLong) {
		rule = "an expression that is done within " + mostTime.String() + " a row"
	}
	rejection := pipeline.Reject(pipeline.StageMap, pipeline.ExpressionFailed, "", rule)
	if at, ok := errors.AsType[*file.Error](err); ok {
		rejection.Detail = "at character " + strconv.Itoa(at.Column+1) + " of the expression"
	}
	return rejection
}

func (s slot) read(r *Row) (any, error) {
	c := r.Change
	switch s.from {
	case hasAfter:
		return presence(c.After.Present), nil
	case hasOld:
		return presence(c.Before.Present), nil
	case opName:
		return c.Op.String(), nil
	case clock:
		return r.eval.now(), nil
	case used:
		return &r.eval.used, nil
	case after:
		return anyOf(r, c.After.Value(s.column))
	case before:
		return s.old(r)
	}
	v := r.image.Value(s.column)
	if v.Kind() == pipeline.Unavailable && c.Op == pipeline.Delete && !c.BeforeComplete {
		return nil, incomplete()
	}
	return anyOf(r, v)
}

// old reads a column of the old row. An insert has none; of an update or delete it may be unknown, which is not NULL.
func (s slot) old(r *Row) (any, error) {
	c := r.Change
	v := c.Before.Value(s.column)
	known := c.BeforeComplete || c.Op == pipeline.Insert || c.Op == pipeline.Snapshot
	if !known && (v.IsNull() || v.Kind() == pipeline.Unavailable) {
		return nil, incomplete()
	}
	return anyOf(r, v)
}

func incomplete() *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageMap, pipeline.BeforeImageIncomplete, "", "a complete image of the old row")
}

func presence(there bool) any {
	if there {
		return true
	}
	return nil
}
