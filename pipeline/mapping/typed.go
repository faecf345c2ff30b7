package mapping

import (
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Kinds are the columns of a schema and what each holds; `check --online` knows them from the registry.
type Kinds map[string]pipeline.Kind

// CheckTypes reports where an expression does not fit the columns: names that are none, and operations that their types
// do not have. Whatever may be NULL passes: only rows can tell.
func (k Kinds) CheckTypes(text string, at settings.Place) {
	if text == "" {
		return
	}
	image := types.Map{}
	env := types.Map{"op": types.String, "after": image, "before": image}
	for name, kind := range k {
		image[name] = typeOf(kind)
		if _, taken := env[name]; !taken {
			env[name] = typeOf(kind)
		}
	}
	clock := expr.Function("now", func(...any) (any, error) { return time.Time{}, nil }, new(func() time.Time))
	if _, err := expr.Compile(text, expr.Env(env), expr.DisableBuiltin("now"), clock); err != nil {
		at.Problem("does not fit the topic's columns: "+firstLine(err).Error(), "")
	}
}

// typeOf is the type that anyOf gives an expression for a column.
func typeOf(kind pipeline.Kind) types.Type {
	switch kind {
	case pipeline.Bool:
		return types.Bool
	case pipeline.Int:
		return types.Int
	case pipeline.Float, pipeline.Float32:
		return types.Float64
	case pipeline.String, pipeline.Bytes, pipeline.TimeOfDay:
		return types.String
	case pipeline.Instant, pipeline.Local, pipeline.Date:
		return types.TypeOf(time.Time{})
	case pipeline.Duration:
		return types.TypeOf(time.Duration(0))
	}
	return types.Any // a decimal is a whole number or a fraction; lists, records and JSON are what they are
}

// CheckTypes checks the field's expression, and that its columns are there.
func (f *Field) CheckTypes(k Kinds, at settings.Place) {
	k.CheckTypes(f.Expr, at.Key("expr"))
	for _, column := range append(f.Columns[:len(f.Columns):len(f.Columns)], nonEmpty(f.Column)...) {
		if _, there := k[column]; !there {
			at.Problem("the topic's newest schema has no column "+column, "")
		}
	}
}
