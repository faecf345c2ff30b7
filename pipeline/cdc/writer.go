package cdc

import (
	"errors"
	"sync/atomic"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// writer is a writer schema, ready to read. It is compiled once per schema and sync, and used by many goroutines.
type writer struct {
	id       string
	root     *avro.Type
	codec    *goavro.Codec
	programs []*program // one for each type of a union at the root, or the only one
	isJSON   bool       // values are JSON text; without a program the schema describes no row
	limits   Limits
	dialect  *avro.Dialect

	connector, table interned

	unchecked atomic.Int32 // how many of the first records are still to be checked against goavro
	fallback  atomic.Bool  // the plan and goavro differed: goavro reads alone
}

// firstChecked records of a schema are decoded twice; later one in checkEvery of a partition.
const (
	firstChecked = 64
	checkEvery   = 16384
)

// writer compiles a schema. An error is a schema that cannot be used.
func (k *compiler) writer(src *avro.Source) (*writer, error) {
	if src.JSON {
		return k.jsonWriter(src)
	}
	root, err := avro.Parse(src)
	if err != nil {
		return nil, err
	}
	avro.Legal(root)
	codec, err := avro.CodecOf(root)
	if err != nil {
		return nil, err
	}
	w := &writer{id: src.ID, root: root, codec: codec, limits: k.cfg.Limits, dialect: k.dialect}
	w.unchecked.Store(firstChecked)
	w.fallback.Store(k.cfg.Decoder == decoderGoavro)
	branches := []*avro.Type{root}
	if root.Kind == avro.KindUnion {
		branches = root.Branches
	}
	for _, t := range branches {
		p, err := k.program(t)
		if err != nil {
			return nil, err
		}
		w.programs = append(w.programs, p)
	}
	return w, nil
}

// reading is what a record's bytes held, before it is known what it means.
type reading struct {
	program *program
	op      []byte // of formText, the text
	source  [srcSlots]pipeline.Value
}

// read decodes a record's bytes into the change's images. A plain row is put into After, whatever happened to it.
func (w *writer) read(body []byte, check bool, into *reading, c *pipeline.Change) error {
	if w.fallback.Load() {
		return w.goavro(body, into, c)
	}
	err := w.plan(body, into, c)
	if check || w.unchecked.Load() > 0 {
		return w.crossCheck(body, into, c, err)
	}
	return err
}

// plan decodes with the compiled plan.
func (w *writer) plan(body []byte, into *reading, ch *pipeline.Change) error {
	c := avro.Cursor{Buf: body, Values: w.limits.MaxValues, Depth: w.limits.MaxDepth, Lists: &ch.Lists}
	p, err := w.programs[0], error(nil)
	if w.root.Kind == avro.KindUnion {
		p, err = w.pick(&c)
	}
	if into.program = p; err != nil {
		return err
	}
	switch p.form {
	case formText:
		into.op, err = c.Bytes()
	case formEnvelope:
		err = p.runEnvelope(&c, into, ch)
	case formFlat:
		err = p.row.Run(&c, p.room(&ch.After))
		ch.After.Present = true
	default:
		return nil
	}
	if err == nil && c.Pos != len(body) {
		return errTrailing
	}
	return err
}

// pick is the program of the record at the cursor: of a union at the root, the one of its branch.
func (w *writer) pick(c *avro.Cursor) (*program, error) {
	if w.root.Kind != avro.KindUnion {
		return w.programs[0], nil
	}
	n, err := c.Long()
	switch {
	case err != nil:
		return w.programs[0], err
	case n < 0 || n >= int64(len(w.programs)):
		return w.programs[0], avro.ErrBranch
	}
	return w.programs[n], nil
}

var errTrailing = errors.New("bytes are left over")

// room gives an image all its slots, the hidden ones too.
func (p *program) room(m *pipeline.Image) []pipeline.Value {
	if cap(m.Values) < p.size {
		m.Values = make([]pipeline.Value, p.size)
	}
	m.Values = m.Values[:p.size]
	return m.Values
}

func (p *program) runEnvelope(c *avro.Cursor, into *reading, ch *pipeline.Change) error {
	if err := c.Spend(len(p.parts) + 1); err != nil {
		return err
	}
	for i := range p.parts {
		at := &p.parts[i]
		if at.null >= 0 {
			n, err := c.Long()
			if err == nil && n&^1 != 0 {
				err = avro.ErrBranch
			}
			if err != nil {
				return avro.InField(at.field.Name, err)
			}
			if n == int64(at.null) {
				continue
			}
		}
		if err := p.runPart(c, at, into, ch); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) runPart(c *avro.Cursor, at *part, into *reading, ch *pipeline.Change) (err error) {
	switch at.role {
	case roleBefore:
		ch.Before.Present = true
		return at.plan.Run(c, p.room(&ch.Before))
	case roleAfter:
		ch.After.Present = true
		return at.plan.Run(c, p.room(&ch.After))
	case roleSource:
		return at.plan.Run(c, into.source[:])
	case roleOp:
		if into.op, err = c.Bytes(); err != nil {
			return avro.InField("op", err)
		}
		return nil
	}
	return at.plan.Run(c, nil)
}

// interned keeps the last of a few texts that repeat record after record.
type interned struct{ last atomic.Pointer[string] }

func (n *interned) text(b []byte) string {
	if s := n.last.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	n.last.Store(&s)
	return s
}
