package mapping

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// textOf replaces the library's string(): that one makes "<nil>" of NULL, which would go into
// the event_id of every such row and make them one event, and 1.234567e+06 of an amount.
const textOf = "$string"

// zoneOf goes around the library's date(), which takes the name of a zone it does not know for UTC.
const zoneOf = "$zoned"

// certain refuses a time whose zone is a name: EST means several zones. UTC and GMT are certain, and so is an offset, or a zone that date()
// was given.
func certain(args ...any) (any, error) {
	t, ok := args[0].(time.Time)
	if name, offset := t.Zone(); ok && name != "UTC" && name != "GMT" && name != "" && t.Location().String() == name &&
		(offset == 0 || strings.HasPrefix(name, "GMT")) {
		return nil, errors.New("date with the name of a zone that is not certain")
	}
	return args[0], nil
}

// textPatcher puts them in their place. It runs last: the names are not columns.
type textPatcher struct{}

func (textPatcher) Visit(node *ast.Node) {
	if call, ok := (*node).(*ast.BuiltinNode); ok && call.Name == "string" {
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: textOf}, Arguments: call.Arguments})
	} else if ok && call.Name == "date" {
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: zoneOf}, Arguments: []ast.Node{call}})
	}
}

// maxExact is the greatest number up to which a float tells neighbours apart: beyond it, ids of 20 digits become one.
const maxExact = 1 << 53

// textOfValue is the text a field of that value would have. NULL has none: the expression fails on the row.
func textOfValue(args ...any) (any, error) {
	switch x := args[0].(type) {
	case nil:
		return nil, errors.New("string of NULL")
	case string:
		return x, nil
	case float64:
		if math.Abs(x) > maxExact {
			return nil, errors.New("string of a number that is not exact")
		}
		if x != math.Trunc(x) {
			x = rounded(x)
		}
		return strconv.FormatFloat(x, 'f', -1, 64), nil
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), nil
	}
	return fmt.Sprint(args[0]), nil
}
