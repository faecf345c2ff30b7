package mapping

import "github.com/tokrelay/tokrelay/pipeline"

// Of a row of changed columns (pipeline.Change.Partial) the others are unavailable. These report whether some, and whether all,
// of the columns that something reads did not change.

// Unchanged reports it of a field.
func (g *Getter) Unchanged(r *Row) (some, all bool) {
	if g.expr != nil {
		return r.unchanged(g.expr.columns())
	}
	return r.unchanged(g.columns)
}

// Unchanged reports it of a condition.
func (c *Condition) Unchanged(r *Row) (some, all bool) { return r.unchanged(c.expr.columns()) }

func (r *Row) unchanged(columns []int) (some, all bool) {
	all = len(columns) > 0
	for _, i := range columns {
		is := r.image.Value(i).Kind() == pipeline.Unavailable
		some, all = some || is, all && is
	}
	return some, all
}

// columns are those the expression reads, of whatever image.
func (x *Expr) columns() (list []int) {
	for _, s := range x.slots {
		if s.from == current || s.from == after || s.from == before {
			list = append(list, s.column)
		}
	}
	return list
}
