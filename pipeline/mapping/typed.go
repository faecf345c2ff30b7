package mapping

import (
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Known is what a schema says of a column. The zero Known is a column of which only its rows can tell.
type Known struct {
	Kind     pipeline.Kind
	Nullable bool
}

// Kinds are the columns a sync reads and what a schema says of each; `check --online` knows them from the registry. That
// a column is missing is not theirs to say: the decoder knows what a missing column means to the sync.
type Kinds map[string]Known

// CheckTypes reports where an expression does not fit the columns: operations that their types do not have. Whatever may
// be NULL passes: only rows can tell.
func (k Kinds) CheckTypes(text string, at settings.Place) {
	if text == "" {
		return
	}
	image := types.Map{}
	env := types.Map{"op": types.String, "after": image, "before": image}
	for name, known := range k {
		image[name] = typeOf(known.Kind)
		if _, taken := env[name]; !taken {
			env[name] = typeOf(known.Kind)
		}
	}
	clock := expr.Function("now", func(...any) (any, error) { return time.Time{}, nil }, new(func() time.Time))
	if _, err := expr.Compile(text, expr.Env(env), expr.DisableBuiltin("now"), clock); err != nil {
		at.Problem("does not fit the columns: "+firstLine(err).Error(), "rows on which it fails are rejected; what compares different types is never true")
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

// CheckTypes reports where the field's expression does not fit the columns, and columns that its type cannot read. It
// returns the kind its values then have, Missing where only rows can tell.
func (f *Field) CheckTypes(k Kinds, at settings.Place) pipeline.Kind {
	k.CheckTypes(f.Expr, at.Key("expr"))
	if f.Path != "" || f.Map != nil || f.Parameter != "" || f.Separator != "" {
		return pipeline.Missing
	}
	of := pipeline.Missing
	for i, column := range append(f.Columns[:len(f.Columns):len(f.Columns)], nonEmpty(f.Column)...) {
		kind := f.kindOf(column, k[column].Kind, at)
		if of = kind; i > 0 {
			of = pipeline.Missing
		}
	}
	return of
}

func (f *Field) kindOf(column string, kind pipeline.Kind, at settings.Place) pipeline.Kind {
	sample, certain := sampleOf(kind)
	if !certain || f.Type == "" && f.Format == "" {
		return kind
	}
	c := conversion{kind: f.Type, zone: time.UTC}
	c.setLayout(f.Format)
	v, ok := c.convert(&Row{}, sample)
	if !ok {
		at.Problem("column "+column+" is "+article(kind)+", which is not "+c.rule(), "every row with a value in it is rejected")
		return pipeline.Missing
	}
	return v.Kind()
}

// sampleOf is a value of a kind for which a conversion does the same with every value.
func sampleOf(kind pipeline.Kind) (v pipeline.Value, certain bool) {
	switch kind {
	case pipeline.Bool:
		v = pipeline.BoolValue(true)
	case pipeline.Bytes:
		v = pipeline.BytesValue([]byte("1"))
	case pipeline.Instant:
		v = pipeline.InstantValue(0, 0)
	case pipeline.Local:
		v = pipeline.LocalValue(0, 0)
	case pipeline.Date:
		v = pipeline.DateValue(0)
	case pipeline.TimeOfDay:
		v = pipeline.TimeOfDayValue(0)
	case pipeline.Duration:
		v = pipeline.DurationValue(0)
	case pipeline.List:
		v = pipeline.ListValue(nil)
	case pipeline.Struct:
		v = pipeline.StructValue(nil, nil)
	default:
		return v, false
	}
	return v, true
}

// MayBeNull reports whether a row may have no value for the field: all its columns may be NULL, and there is no default.
func (f *Field) MayBeNull(k Kinds) bool {
	if f.Default != nil || f.Value != nil || f.Expr != "" {
		return false
	}
	for _, column := range append(f.Columns[:len(f.Columns):len(f.Columns)], nonEmpty(f.Column)...) {
		if !k[column].Nullable {
			return false
		}
	}
	return true
}

// article puts the article before a kind's name.
func article(kind pipeline.Kind) string {
	switch name := kind.String(); kind {
	case pipeline.Bytes:
		return "binary"
	case pipeline.Int, pipeline.Instant:
		return "an " + name
	default:
		return "a " + name
	}
}
