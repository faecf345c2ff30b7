package cdc

import (
	"github.com/tokrelay/tokrelay/pipeline"
)

// Rows decodes the rows people write for `preview --rows`, one JSON value a line: an object is a new row; an object with
// op and before or after is a change, in Debezium's letters; null is a tombstone. Columns are what a row has, and a
// before image that is there is complete. It is for one goroutine.
type Rows struct {
	reader   jsonReader
	compiler *compiler
	doc      jsonDoc
}

// NewRows makes a decoder of rows for a sync. A wanted column that a row does not have is NULL, unless the configuration
// says reject.
func NewRows(wanted Wanted, cfg Config) *Rows {
	cfg = cfg.withDefaults()
	if cfg.MissingColumn != missingReject {
		cfg.MissingColumn = missingNull
	}
	k := &compiler{cfg: cfg, wanted: wanted, dialect: newDialect(cfg.UnavailablePlaceholder)}
	return &Rows{reader: jsonReader{compiler: k}, compiler: k}
}

// Decode reads a line into a change, which aliases it. The error is a *pipeline.Rejection or a pipeline.SkipReason.
func (r *Rows) Decode(line []byte, into *pipeline.Change) error {
	into.Reset()
	if err := r.reader.parse(&r.doc, line); err != nil {
		return err
	}
	switch r.doc.nodes[0].kind {
	case jsonNull:
		return r.tombstone(into)
	case jsonObject:
		return r.object(into)
	}
	return rejectJSON("a row is a JSON object, or null")
}

func (r *Rows) tombstone(into *pipeline.Change) error {
	if r.compiler.cfg.Format != formatFlat {
		return pipeline.SkipTombstone
	}
	names := r.compiler.wanted.Columns
	into.Op, into.KeyRow, into.Shape = pipeline.Delete, true, &pipeline.Shape{Names: names}
	into.Before = pipeline.Image{Present: true, Values: unavailable(len(names))}
	return nil
}

func (r *Rows) object(into *pipeline.Change) error {
	_, hasOp := r.doc.member(0, "op")
	change := hasOp && hasImage(&r.doc, 0) && r.compiler.cfg.Format != formatFlat
	w, err := r.reader.byMembers(&r.doc, 0, change)
	if err != nil {
		return err
	}
	var read reading
	if err := w.json(&r.doc, 0, &read, into); err != nil {
		return err
	}
	p := read.program
	into.Shape = p.shape
	if change {
		into.Op, err = debeziumOp(read.op, copying(read.source[srcSnapshot]))
		into.Source = pipeline.Source{Connector: read.source[srcConnector].Text(), Table: read.source[srcTable].Text(),
			Time: unixMillis(read.source[srcTime].Int())}
	} else if into.Op, _, err = r.compiler.happened(p.marks, into.After.Values, nil); into.Op == pipeline.Delete {
		into.Before, into.After = into.After, into.Before
	}
	if err != nil {
		return err
	}
	if len(p.missing) > 0 {
		return pipeline.Reject(pipeline.StageDecode, pipeline.MissingColumn, "column "+p.missing[0], "must be in the row")
	}
	return r.images(into)
}

// images checks that a change has the row its operation needs. A delete without its row is one known by its key.
func (r *Rows) images(c *pipeline.Change) error {
	visible := len(c.Shape.Names)
	c.Before.Values, c.After.Values = cut(c.Before.Values, visible), cut(c.After.Values, visible)
	switch {
	case c.Op == pipeline.Delete:
		c.After.Present = false
		if c.KeyRow = !c.Before.Present; c.KeyRow {
			c.Before = pipeline.Image{Present: true, Values: unavailable(visible)}
			return nil
		}
	case !c.After.Present:
		return pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "after", "must hold the row")
	case c.Op != pipeline.Update:
		c.Before.Present = false
	}
	c.BeforeComplete = c.Before.Present
	return nil
}
