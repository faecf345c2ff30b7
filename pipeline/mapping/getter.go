package mapping

import (
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// Row is the change a goroutine is reading. Begin is called for every change; the values its getters return live until
// the next Begin.
type Row struct {
	Change *pipeline.Change
	image  *pipeline.Image
	values []pipeline.Value // the image's, if it is present

	fell    *Getter // gave its default last
	taken   []taken // out of URLs of this row
	scratch []byte  // text made for this row
	eval    evaluator
}

// NewRow makes a Row; now is the clock of expressions.
func NewRow(now func() time.Time) *Row { return &Row{eval: evaluator{now: now}} }

// Begin turns to the next change.
func (r *Row) Begin(c *pipeline.Change) {
	r.Change, r.image, r.taken, r.scratch, r.values, r.fell = c, c.Row(), r.taken[:0], r.scratch[:0], nil, nil
	if r.image.Present {
		r.values = r.image.Values
	}
}

// Getter reads one field of a Row. It keeps no state and may be shared by goroutines.
type Getter struct {
	name      string // the field, for rejections
	columns   []int
	path      []string
	constants []pipeline.Value
	expr      *Expr
	convert   conversion
	plain     bool // nothing to do to a column's value
	direct    int  // the only column, if it is plain and not to be split; else -1
	fallback  []pipeline.Value
	names     map[string]pipeline.Value
	separator []byte
	parameter []byte // nil: the whole value
}

// Single is the value of a field that is a column and nothing else, where it plainly is one value: not blank, not several.
// It says false wherever Value or Values has to look closer.
func (g *Getter) Single(r *Row) (v pipeline.Value, ok bool) {
	if uint(g.direct) >= uint(len(r.values)) {
		return v, false
	}
	v = r.values[g.direct]
	if v.Kind() != pipeline.String {
		return v, v.Kind() == pipeline.Int
	}
	text := v.Bytes()
	return v, len(text) > 0 && visible(text[0]) && text[0] != '[' && text[0] != '{'
}

// Value is the field's value in the row: the first of its columns that has one, else the default, else Null. It is
// Unavailable where the only value is one that Debezium did not read. The error is a *pipeline.Rejection.
func (g *Getter) Value(r *Row) (pipeline.Value, error) {
	if v, ok := g.Single(r); ok {
		return v, nil
	}
	unknown := false
	for i := range max(len(g.columns), 1) {
		v, err := g.at(r, i)
		switch {
		case err != nil:
			return v, err
		case v.Kind() == pipeline.Unavailable:
			unknown = true
		case !IsBlank(v):
			return v, nil
		}
	}
	switch {
	case unknown:
		return pipeline.UnavailableValue(), nil
	case len(g.fallback) > 0:
		r.fell = g
		return g.fallback[0], nil
	}
	return pipeline.NullValue(), nil
}

// FellBack reports whether the field's value, the last that was read of the row, is its default.
func (g *Getter) FellBack(r *Row) bool { return g != nil && r.fell == g }

// Default is the value that the configuration has for rows without one. A nil Getter has none.
func (g *Getter) Default() (v pipeline.Value, ok bool) {
	if g == nil || len(g.fallback) == 0 {
		return v, false
	}
	return g.fallback[0], true
}

// Values appends every value the field has in the row: of all its columns, lists and separated texts taken apart, blank
// ones left out. Where there is none it appends the default, if any.
func (g *Getter) Values(r *Row, dst []pipeline.Value) ([]pipeline.Value, error) {
	start, unknown := len(dst), false
	for i := range max(len(g.columns), len(g.constants), 1) {
		v, err := g.at(r, i)
		if err != nil {
			return dst, err
		}
		unknown = unknown || v.Kind() == pipeline.Unavailable
		if dst, err = g.spread(r, v, dst); err != nil {
			return dst, err
		}
	}
	if len(dst) == start && !unknown && len(g.fallback) > 0 {
		r.fell, dst = g, append(dst, g.fallback...)
	}
	return dst, nil
}

// spread appends one value, or what is in it. A text that is a list in brackets, JSON's or another's, is taken for one.
func (g *Getter) spread(r *Row, v pipeline.Value, dst []pipeline.Value) ([]pipeline.Value, error) {
	switch {
	case IsBlank(v) || v.Kind() == pipeline.Unavailable:
		return dst, nil
	case v.Kind() == pipeline.String && looksLikeList(Trim(v.Bytes())):
		if _, ok := jsontext.Value(v.Bytes()); !ok || jsontext.First(v.Bytes()) != '[' {
			return g.elements(v, dst)
		}
		v = pipeline.JSONValue(v.Bytes())
	case len(g.separator) > 0 && v.Kind() == pipeline.String:
		return g.split(v, dst), nil
	case !IsList(v):
		return append(dst, v), nil
	}
	it := r.Elements(v)
	for it.Next() {
		if !IsBlank(it.Value) && it.Value.Kind() != pipeline.Unavailable {
			dst = append(dst, it.Value)
		}
	}
	if it.Bad {
		return dst, g.Reject(pipeline.WrongType, "well-formed JSON")
	}
	return dst, nil
}

// elements appends the elements of a text in brackets that is not JSON's list. What is in brackets is never one value.
func (g *Getter) elements(v pipeline.Value, dst []pipeline.Value) ([]pipeline.Value, error) {
	start := len(dst)
	dst, ok := elements(Trim(v.Bytes()), dst)
	switch {
	case ok:
		return dst, nil
	case len(g.separator) > 0:
		return g.split(v, dst[:start]), nil
	}
	return dst, g.Reject(pipeline.WrongType, "a list as JSON has it, or elements in brackets with commas between them")
}

// at is the value of the i-th column, or of what the field has in place of columns.
func (g *Getter) at(r *Row, i int) (v pipeline.Value, err error) {
	switch {
	case g.expr != nil:
		if v, err = g.expr.eval(r); err != nil {
			return v, g.named(err)
		}
	case g.constants != nil:
		return g.constants[i], nil
	default:
		v = r.image.Value(g.columns[i])
		if g.plain && v.Kind() != pipeline.JSON {
			return v, nil
		}
	}
	return g.refine(r, v)
}

// Text is the value's text; it lives until the next Begin.
func (r *Row) Text(v pipeline.Value) []byte {
	if v.Kind() == pipeline.String || v.Kind() == pipeline.JSON {
		return v.Bytes()
	}
	start := len(r.scratch)
	r.scratch = v.AppendText(r.scratch)
	return r.scratch[start:]
}

// Reject makes the rejection of the field.
func (g *Getter) Reject(reason pipeline.Reason, rule string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageMap, reason, g.name, rule)
}

// named puts the field's name on a rejection made below it.
func (g *Getter) named(err error) error {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		r.Field = g.name
	}
	return err
}
