package mapping

import (
	"errors"
	"github.com/expr-lang/expr"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Condition is an expression that is true or false for a row. It keeps no state and may be shared by goroutines.
type Condition struct {
	expr    *Expr
	text    string
	columns []string // that its slots name, for people
}

// CheckCondition reports what is wrong with a condition's text; the empty text is not a condition.
func CheckCondition(text string, at settings.Place) {
	if text != "" {
		checkExpr(text, at, expr.AsBool())
	}
}

// NewCondition compiles a condition; nil for the empty text.
func NewCondition(text string, cols *Columns) (*Condition, error) {
	if text == "" {
		return nil, nil
	}
	x, err := compile(text, cols, expr.AsAny())
	if err != nil {
		return nil, err
	}
	columns, _ := cols.Wanted()
	return &Condition{expr: x, text: text, columns: columns}, nil
}

// True evaluates the condition. NULL is false, and a column that says true or false in the way of its database (1, 0,
// 't', 'yes') is read as `type: bool` reads it. The error is a *pipeline.Rejection that names the setting.
func (c *Condition) True(r *Row, setting string) (bool, error) {
	out, err := c.expr.run(r)
	if yes, ok := out.(bool); ok && err == nil {
		return yes, nil
	}
	if err == nil {
		return truthOf(out, setting)
	}
	if rejection, ok := errors.AsType[*pipeline.Rejection](err); ok {
		rejection.Field = setting
	}
	return false, err
}

func truthOf(out any, setting string) (bool, error) {
	v, ok := valueOf(out)
	if ok && IsBlank(v) {
		return false, nil
	}
	if yes, isBool := Truth(v); ok && isBool {
		return yes, nil
	}
	return false, pipeline.Reject(pipeline.StageMap, pipeline.ExpressionFailed, setting, "true or false")
}
