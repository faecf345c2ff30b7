package cdc

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// isEnvelope recognises Debezium's envelope: the topic routing transform may change the prefix of its name, not the end.
// Where the configuration says that the topic holds envelopes, an image is enough: Flink, Materialize and CockroachDB name
// theirs otherwise and leave fields out.
func (k *compiler) isEnvelope(t *avro.Type) bool {
	_, op := t.Field("op")
	_, source := t.Field("source")
	switch k.cfg.Format {
	case formatFlat:
		return false
	case formatDebezium:
		return mayHaveImage(t)
	}
	return strings.HasSuffix(t.ShortName(), "Envelope") && op && source && mayHaveImage(t)
}

// mayHaveImage reports whether a record has a field for an image.
func mayHaveImage(t *avro.Type) bool {
	_, before := t.Field("before")
	_, after := t.Field("after")
	return before || after
}

func (k *compiler) envelope(p *program) error {
	for i := range p.record.Fields {
		f := &p.record.Fields[i]
		t, null, _ := f.Type.Nullable()
		part := part{typ: t, null: int8(null), field: f, role: roleOf(f.Name)}
		if why := unfit(part.role, t); why != "" {
			p.form, p.refused = formRefused, why
			return nil
		}
		p.parts = append(p.parts, part)
	}
	_, op := p.record.Field("op")
	p.opless = !op
	return k.images(p)
}

func roleOf(name string) role {
	switch name {
	case "before":
		return roleBefore
	case "after":
		return roleAfter
	case "source":
		return roleSource
	case "op":
		return roleOp
	}
	return rolePassed
}

// unfit says why a field of an envelope cannot be what its name says.
func unfit(r role, t *avro.Type) string {
	switch {
	case (r == roleBefore || r == roleAfter) && t.Kind == avro.KindString:
		return "a MongoDB change holds documents, not rows; only relational connectors are read"
	case (r == roleBefore || r == roleAfter || r == roleSource) && t.Kind != avro.KindRecord:
		return "the envelope's images and source are not records"
	case r == roleSource && strings.HasPrefix(t.Name, avro.Debezium+"connector.mongodb."):
		return "a MongoDB change holds documents, not rows; only relational connectors are read"
	case r == roleOp && t.Kind != avro.KindString:
		return "the envelope's op is not a text"
	}
	return ""
}

// images compiles the plans of both images, which are usually one, and of the source block.
func (k *compiler) images(p *program) error {
	pl := k.planner()
	row := p.rowType()
	wants := k.imageWants(p, row, pl)
	plans := map[*avro.Type]*avro.Plan{}
	for i := range p.parts {
		if err := k.part(p, &p.parts[i], pl, wants, plans); err != nil {
			return err
		}
	}
	p.size = int(pl.Hidden)
	p.fuse()
	return nil
}

// imageWants are the columns of an envelope's images, and behind them the one that marks a deleted row.
func (k *compiler) imageWants(p *program, row *avro.Type, pl *avro.Planner) []avro.Want {
	wants := k.columns(p, row, false)
	pl.Hidden = int32(len(p.shape.Names))
	p.marks.deletedWhen = ask(pl, row, k.cfg.DeletedWhen.column(), &wants)
	k.needMark(p, k.cfg.DeletedWhen.column(), p.marks.deletedWhen)
	k.askCells(p, pl, row, &wants)
	return wants
}

// rowType is the record of the after image, or of the only one there is.
func (p *program) rowType() *avro.Type {
	var row *avro.Type
	for _, part := range p.parts {
		if part.role == roleAfter || part.role == roleBefore && row == nil {
			row = part.typ
		}
	}
	return row
}

func (k *compiler) part(p *program, at *part, pl *avro.Planner, wants []avro.Want, plans map[*avro.Type]*avro.Plan) (err error) {
	switch at.role {
	case roleBefore, roleAfter:
		if plans[at.typ] == nil {
			plans[at.typ], _, err = pl.Row(at.typ, wants)
		}
		at.plan = plans[at.typ]
		if at.role == roleBefore {
			p.before = at.plan
		} else {
			p.after = at.plan
		}
	case roleSource:
		source := pl.Beside(srcSlots)
		at.plan, _, err = source.Row(at.typ, sourceWants(at.typ))
		p.source = at.plan
	}
	return err
}

// fuse joins neighbouring fields that are passed over into one plan, so that the hot loop handles them.
func (p *program) fuse() {
	var parts []part
	for _, at := range p.parts {
		if at.role != rolePassed {
			parts = append(parts, at)
			continue
		}
		if len(parts) == 0 || parts[len(parts)-1].role != rolePassed {
			parts = append(parts, part{role: rolePassed, null: -1, plan: &avro.Plan{Record: p.record}, field: at.field})
		}
		op, size := avro.SkipOp(at.typ)
		plan := parts[len(parts)-1].plan
		plan.Steps = append(plan.Steps, avro.Step{Op: op, Size: size, Null: at.null, Slot: -1, Type: at.typ, Field: at.field})
	}
	p.parts = parts
}
