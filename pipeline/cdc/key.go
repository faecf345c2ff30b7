package cdc

import (
	"context"
	"errors"
	"sync"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
)

// keyReader reads record keys: to know which columns of a key-only image are real, and to make the row of a delete that
// is known by its key alone. A key that cannot be read fails no row: then no column is known.
type keyReader struct {
	decoder *Decoder
	schemas sync.Map // SchemaID → *typ, nil where the key is no record
	plans   sync.Map // keyPlanID → *keyPlan
}

type keyPlanID struct {
	schema SchemaID
	shape  *pipeline.Shape // nil: of the key's own
}

// keyPlan reads the key columns among those of a shape.
type keyPlan struct {
	shape *pipeline.Shape
	plan  *rowPlan
	isKey []bool
	size  int
}

// mask makes every column that is no key column unavailable: in a key-only image the others are fillers.
func (k *keyReader) mask(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
	plan, _, err := k.plan(ctx, r, c.Shape)
	if err != nil {
		return err
	}
	for i := range c.Before.Values {
		if c.Before.Values[i].Kind() != pipeline.Missing && (plan == nil || !plan.isKey[i]) {
			c.Before.Values[i] = pipeline.UnavailableValue()
		}
	}
	return nil
}

// row makes the before image of a delete from the record's key.
func (k *keyReader) row(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
	plan, body, err := k.plan(ctx, r, c.Shape)
	if err != nil {
		return err
	}
	c.Before.Present = true
	if plan == nil || !k.read(plan, body, c) {
		k.unknown(c)
	}
	return nil
}

func (k *keyReader) read(plan *keyPlan, body []byte, c *pipeline.Change) bool {
	if cap(c.Before.Values) < plan.size {
		c.Before.Values = make([]pipeline.Value, plan.size)
	}
	limits := k.decoder.cfg.Limits
	cur := cursor{buf: body, values: limits.MaxValues, depth: limits.MaxDepth}
	values := c.Before.Values[:plan.size]
	if plan.plan.run(&cur, values) != nil || cur.pos != len(body) {
		return false
	}
	c.Shape, c.Before.Values = plan.shape, values[:len(plan.shape.Names)]
	return true
}

// unknown makes an image without any known column.
func (k *keyReader) unknown(c *pipeline.Change) {
	if c.Shape == nil {
		c.Shape = &pipeline.Shape{Names: k.decoder.compiler.wanted.Columns}
	}
	c.Before.Values = make([]pipeline.Value, len(c.Shape.Names))
}

// plan finds or compiles the plan for a record's key; nil if the key has no columns. An error is trouble only.
func (k *keyReader) plan(ctx context.Context, r *pipeline.Record, shape *pipeline.Shape) (*keyPlan, []byte, error) {
	if len(r.Key) == 0 {
		return nil, nil, nil
	}
	id, body, err := readFrame(k.decoder.cfg.Framing, r, true)
	if err != nil || id.Kind == NoSchema {
		return nil, nil, nil
	}
	at := keyPlanID{id, shape}
	if p, ok := k.plans.Load(at); ok {
		return p.(*keyPlan), body, nil
	}
	record, err := k.schema(ctx, id)
	if record == nil || err != nil {
		return nil, nil, err
	}
	p, err := k.compile(record, shape)
	if err != nil {
		return nil, nil, nil
	}
	k.plans.Store(at, p)
	return p, body, nil
}

func (k *keyReader) schema(ctx context.Context, id SchemaID) (*typ, error) {
	if t, ok := k.schemas.Load(id); ok {
		return t.(*typ), nil
	}
	src, err := k.decoder.schemas.Schema(ctx, id)
	if _, rejected := errors.AsType[*pipeline.Rejection](err); rejected {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := parse(src)
	if err == nil {
		name(t)
	}
	if err != nil || t.kind != kindRecord {
		t = nil
	}
	k.schemas.Store(id, t)
	return t, nil
}

func (k *keyReader) compile(record *typ, shape *pipeline.Shape) (*keyPlan, error) {
	compiler := k.decoder.compiler
	m := matcher{compiler.cfg.CaseInsensitive}
	if shape == nil {
		p := &program{record: record}
		compiler.columns(p, record, true)
		shape = p.shape
	}
	plan := &keyPlan{shape: shape, isKey: make([]bool, len(shape.Names))}
	for i, n := range shape.Names {
		plan.isKey[i] = hasColumn(record, n, m)
	}
	pl := &planner{dialect: compiler.dialect, matcher: m, leaves: map[*typ]*goavro.Codec{}, hidden: int32(len(shape.Names))}
	var err error
	plan.plan, _, err = pl.row(record, wantsOf(shape.Names))
	plan.size = int(pl.hidden)
	return plan, err
}
