package cdc

import (
	"context"
	"errors"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// keyReader reads record keys: to know which columns of a key-only image are real, and to make the row of a delete that
// is known by its key alone. A key that cannot be read fails no row: then no column is known.
type keyReader struct {
	decoder *Decoder
	schemas sync.Map // registry.ID → *avro.Type; nil where the key is not a record, anyType where it is JSON
	plans   sync.Map // keyPlanID → *keyPlan
}

type keyPlanID struct {
	schema registry.ID
	shape  *pipeline.Shape // nil: of the key's own
}

// keyPlan reads the key columns among those of a shape.
type keyPlan struct {
	shape *pipeline.Shape
	plan  *avro.Plan
	isKey []bool
	size  int
}

// recordKey is a record's key and the plan to read it with.
type recordKey struct {
	columns *keyPlan
	body    []byte
	doc     *jsontext.Doc // of a key in JSON
	object  int32
}

// mask makes every column that is not a key column unavailable: in a key-only image the others are fillers.
func (k *keyReader) mask(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
	key, err := k.key(ctx, r, c.Shape)
	if err != nil {
		return err
	}
	for i := range c.Before.Values {
		if c.Before.Values[i].Kind() != pipeline.Missing && (key == nil || !key.columns.isKey[i]) {
			c.Before.Values[i] = pipeline.UnavailableValue()
		}
	}
	hideFillers(c.Before.Values)
	return nil
}

// hideFillers makes key columns unavailable that are nothing but zeros. With REPLICA IDENTITY USING INDEX the record's key
// is still the primary key, which the database does not log then: Debezium fills it with zeros, the same for every row.
func hideFillers(values []pipeline.Value) {
	for _, v := range values {
		if known := !v.IsNull() && v.Kind() != pipeline.Unavailable; known && !isZero(v) {
			return
		}
	}
	for i := range values {
		if !values[i].IsNull() {
			values[i] = pipeline.UnavailableValue()
		}
	}
}

func isZero(v pipeline.Value) bool {
	return v.Int() == 0 && len(v.Bytes()) == 0 && len(v.Elems()) == 0
}

// row makes the before image of a delete from the record's key.
func (k *keyReader) row(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
	key, err := k.key(ctx, r, c.Shape)
	if err != nil {
		return err
	}
	c.Before.Present = true
	if key == nil || !k.read(key, c) {
		k.unknown(c)
	}
	return nil
}

func (k *keyReader) read(key *recordKey, c *pipeline.Change) bool {
	if cap(c.Before.Values) < key.columns.size {
		c.Before.Values = make([]pipeline.Value, key.columns.size)
	}
	values := c.Before.Values[:key.columns.size]
	if key.doc != nil {
		key.columns.plan.FromJSON(key.doc, key.object, values)
	} else {
		limits := k.decoder.cfg.Limits
		cur := avro.Cursor{Buf: key.body, Values: limits.MaxValues, Depth: limits.MaxDepth, Lists: &c.Lists}
		if key.columns.plan.Run(&cur, values) != nil || cur.Pos != len(key.body) {
			return false
		}
	}
	c.Shape, c.Before.Values = key.columns.shape, values[:len(key.columns.shape.Names)]
	for i, isKey := range key.columns.isKey {
		if !isKey {
			c.Before.Values[i] = pipeline.UnavailableValue()
		}
	}
	hideFillers(c.Before.Values)
	return true
}

// unknown makes an image without any known column.
func (k *keyReader) unknown(c *pipeline.Change) {
	if c.Shape == nil {
		c.Shape = &pipeline.Shape{Names: k.decoder.compiler.wanted.Columns}
	}
	c.Before.Values = unavailable(len(c.Shape.Names))
}

// unavailable are the values of columns of which nothing is known.
func unavailable(n int) []pipeline.Value {
	values := make([]pipeline.Value, n)
	for i := range values {
		values[i] = pipeline.UnavailableValue()
	}
	return values
}

// key finds or compiles the plan for a record's key; nil if the key has no columns. An error is trouble only.
func (k *keyReader) key(ctx context.Context, r *pipeline.Record, shape *pipeline.Shape) (*recordKey, error) {
	if len(r.Key) == 0 {
		return nil, nil
	}
	id, body, err := readFrame(k.decoder.cfg.Framing, r, true)
	switch {
	case err != nil:
		return nil, nil
	case id.Kind == registry.NoSchema:
		return k.json(body, shape), nil
	}
	at := keyPlanID{id, shape}
	if p, ok := k.plans.Load(at); ok {
		return &recordKey{columns: p.(*keyPlan), body: body}, nil
	}
	record, err := k.schema(ctx, id)
	switch {
	case record == nil || err != nil:
		return nil, err
	case record == anyType:
		return k.json(body, shape), nil
	}
	p, err := k.compile(record, shape, false)
	if err != nil {
		return nil, nil
	}
	k.plans.Store(at, p)
	return &recordKey{columns: p, body: body}, nil
}

// json reads a key written as JSON, with Connect's schema around it or without. It is compiled again for every key: such
// keys are those of test set-ups.
func (k *keyReader) json(body []byte, shape *pipeline.Shape) *recordKey {
	key := &recordKey{doc: &jsontext.Doc{}}
	if k.decoder.jsonReader.parse(key.doc, body) != nil {
		return nil
	}
	schema, object, wrapped := unwrapJSON(key.doc)
	if key.object = object; key.doc.Nodes[object].Kind != jsontext.Object {
		return nil
	}
	record := &avro.Type{Kind: avro.KindRecord}
	addMembers(record, key.doc, object)
	if wrapped {
		if t, err := avro.ConnectType(key.doc, schema, 0); err == nil && t.Kind == avro.KindRecord {
			record = t
		}
	}
	var err error
	if key.columns, err = k.compile(record, shape, true); err != nil {
		return nil
	}
	return key
}

func (k *keyReader) schema(ctx context.Context, id registry.ID) (*avro.Type, error) {
	if t, ok := k.schemas.Load(id); ok {
		return t.(*avro.Type), nil
	}
	src, err := k.decoder.schemas.Schema(ctx, id)
	if _, rejected := errors.AsType[*pipeline.Rejection](err); rejected {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if src.JSON {
		k.schemas.Store(id, anyType)
		return anyType, nil
	}
	t, err := avro.Parse(src)
	if err == nil {
		avro.Legal(t)
	}
	if err != nil || t.Kind != avro.KindRecord {
		t = nil
	}
	k.schemas.Store(id, t)
	return t, nil
}

func (k *keyReader) compile(record *avro.Type, shape *pipeline.Shape, isJSON bool) (*keyPlan, error) {
	compiler := k.decoder.compiler
	m := avro.Matcher{Fold: compiler.cfg.CaseInsensitive}
	if shape == nil {
		p := &program{record: record}
		compiler.columns(p, record, true)
		shape = p.shape
	}
	plan := &keyPlan{shape: shape, isKey: make([]bool, len(shape.Names))}
	for i, n := range shape.Names {
		plan.isKey[i] = hasColumn(record, n, m)
	}
	pl := avro.NewPlanner(compiler.dialect, m)
	pl.Hidden, pl.NoLeaves = int32(len(shape.Names)), isJSON
	var err error
	plan.plan, _, err = pl.Row(record, wantsOf(shape.Names))
	plan.size = int(pl.Hidden)
	return plan, err
}
