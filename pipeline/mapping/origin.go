package mapping

import "strings"

// Origin is where the value of a field comes from, for a person who looks at a row.
type Origin struct {
	Columns []string // that are read
	Words   string   // column `cur`; expression `amount * 100`
}

// Origin is the field's.
func (f *Field) Origin() Origin {
	cols := &Columns{}
	f.Compile("", cols)
	o := Origin{}
	o.Columns, _ = cols.Wanted()
	switch {
	case f.Expr != "":
		o.Words = "expression `" + f.Expr + "`"
	case len(o.Columns) == 0:
		o.Words = "the same in every row"
	default:
		o.Words = OfColumns(o.Columns).Words
	}
	if f.Path != "" {
		o.Words += ", member `" + f.Path + "`"
	}
	if f.Parameter != "" {
		o.Words += ", parameter `" + f.Parameter + "`"
	}
	return o
}

// OfColumns is the origin of what is made of columns.
func OfColumns(columns []string) Origin {
	word := "column "
	if len(columns) > 1 {
		word = "columns "
	}
	return Origin{Columns: columns, Words: word + "`" + strings.Join(columns, "`, `") + "`"}
}

// OfCondition is the origin of a condition that CheckCondition has passed.
func OfCondition(text string) Origin {
	f := Field{Expr: text}
	return f.Origin()
}
