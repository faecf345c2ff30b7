package mapping

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

func (g *Getter) refine(r *Row, v pipeline.Value) (pipeline.Value, error) {
	if g.path != nil && v.Kind() == pipeline.String {
		v = pipeline.JSONValue(v.Bytes()) // into what else could a path lead
	}
	if g.path != nil && v.Kind() == pipeline.JSON {
		if _, ok := jsontext.Value(v.Bytes()); !ok && !IsBlank(v) {
			return v, g.Reject(pipeline.WrongType, "well-formed JSON")
		}
	}
	for _, step := range g.path {
		v = r.at(v, step)
	}
	v = r.unwrap(v)
	if IsBlank(v) || v.Kind() == pipeline.Unavailable {
		return v, nil
	}
	v, ok := g.convert.convert(r, v)
	if !ok {
		return v, g.Reject(pipeline.WrongType, g.convert.rule())
	}
	if g.parameter != nil {
		return g.parameterOf(r, r.Text(v)), nil
	}
	return g.replaced(r, v), nil
}

func (c *conversion) rule() string {
	switch {
	case c.named:
		return "a time in the field's format, " + c.format + ", whose zone is UTC, GMT or one of its timezone: other names mean several zones"
	case c.layout != "":
		return "a time in the field's format, " + c.format
	}
	return "a value that type " + c.kind + " can read"
}

// unwrap turns JSON text of a single string, number or word into that.
func (r *Row) unwrap(v pipeline.Value) pipeline.Value {
	if v.Kind() != pipeline.JSON || IsList(v) || IsObject(v) {
		return v
	}
	text, ok := jsontext.Value(v.Bytes())
	if !ok {
		return v
	}
	scalar, ok := scalarOf(text, &r.scratch)
	if !ok {
		return v
	}
	return scalar
}

func (g *Getter) replaced(r *Row, v pipeline.Value) pipeline.Value {
	if g.names == nil {
		return v
	}
	text := Trim(r.Text(v))
	if to, ok := g.names[string(text)]; ok {
		return to
	}
	return v
}
