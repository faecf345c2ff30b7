package cdc

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// goavro decodes with goavro, once a walk over the bytes has shown that they keep the limits.
func (w *writer) goavro(body []byte, into *reading, ch *pipeline.Change) error {
	if p, err := w.pick(&avro.Cursor{Buf: body}); err == nil && p.unread() {
		into.program = p // what is skipped is not decoded, here as in the plan
		return nil
	}
	c := avro.Cursor{Buf: body, Values: w.limits.MaxValues, Depth: w.limits.MaxDepth}
	if err := c.Skip(w.root); err != nil {
		return err
	}
	native, rest, err := w.codec.NativeFromBinary(body)
	switch {
	case err != nil:
		return avro.ErrAuthority
	case len(rest) != 0:
		return errTrailing
	}
	return w.fromNative(native, into, ch)
}

func (w *writer) fromNative(native any, into *reading, ch *pipeline.Change) error {
	into.program = w.programs[0]
	if w.root.Kind == avro.KindUnion {
		into.program, native = w.branch(native)
	}
	p := into.program
	if text, ok := native.(string); ok && p.form == formText {
		into.op = []byte(text)
		return nil
	}
	row, ok := native.(map[string]any)
	switch {
	case !ok:
		return avro.ErrAuthority
	case p.form == formFlat:
		ch.After.Present = true
		p.row.FromNative(row, p.room(&ch.After))
		return nil
	}
	p.envelopeFromNative(row, into, ch)
	return nil
}

// branch finds the program of what goavro found in a union at the root.
func (w *writer) branch(native any) (*program, any) {
	m, _ := native.(map[string]any)
	for i, b := range w.root.Branches {
		if v, ok := m[b.GoavroName()]; ok || native == nil && b.Kind == avro.KindNull {
			return w.programs[i], v
		}
	}
	return w.programs[0], nil
}

func (p *program) envelopeFromNative(m map[string]any, into *reading, ch *pipeline.Change) {
	for i := range p.parts {
		at := &p.parts[i]
		v := m[at.field.GoName]
		if wrapped, ok := v.(map[string]any); ok && at.null >= 0 {
			v = wrapped[at.typ.GoavroName()]
		}
		row, isRow := v.(map[string]any)
		switch {
		case at.role == roleBefore && isRow:
			ch.Before.Present = true
			at.plan.FromNative(row, p.room(&ch.Before))
		case at.role == roleAfter && isRow:
			ch.After.Present = true
			at.plan.FromNative(row, p.room(&ch.After))
		case at.role == roleSource && isRow:
			at.plan.FromNative(row, into.source[:])
		case at.role == roleOp:
			op, _ := v.(string)
			into.op = []byte(op)
		}
	}
}
