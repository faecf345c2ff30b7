package cdc

import (
	"bytes"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// Rows decodes the rows people write for `preview --rows`, one JSON value a line: an object is a new row; an object with
// op and before or after is a change, in Debezium's letters; null is a tombstone. Columns are what a row has. A before
// image is complete unless the sync says `before_image: key_only`, or the image has none of the columns the sync reads. It
// is for one goroutine.
type Rows struct {
	reader   jsonReader
	compiler *compiler
	doc      jsontext.Doc
}

// NewRows makes a decoder of rows for a sync. A wanted column that a row does not have is NULL, unless the configuration
// says reject.
func NewRows(wanted Wanted, cfg Config) *Rows {
	cfg = cfg.withLog()
	if cfg.MissingColumn != missingReject {
		cfg.MissingColumn = missingNull
	}
	k := &compiler{cfg: cfg, wanted: wanted, dialect: avro.NewDialect(cfg.UnavailablePlaceholder)}
	return &Rows{reader: jsonReader{compiler: k}, compiler: k}
}

var byteOrderMark = []byte("\ufeff")

// Decode reads a line into a change, which aliases it. The error is a *pipeline.Rejection, a pipeline.SkipReason, or the
// *pipeline.Trouble that would stop the sync at such a row.
func (r *Rows) Decode(line []byte, into *pipeline.Change) error {
	into.Reset()
	line = bytes.TrimPrefix(line, byteOrderMark) // some editors begin a file with it
	if err := r.reader.parse(&r.doc, line); err != nil {
		return err
	}
	switch r.doc.Nodes[0].Kind {
	case jsontext.Null:
		return r.tombstone(into)
	case jsontext.Object:
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
	if skip := r.special(); skip != "" {
		return skip
	}
	change := r.isChange()
	w, err := r.reader.byMembers(&r.doc, 0, change)
	if err != nil {
		return err
	}
	var read reading
	w.json(&r.doc, 0, &read, into)
	p, whole := read.program, false
	into.Shape = p.shape
	if change {
		into.Source = pipeline.Source{Connector: read.source[srcConnector].Text(), Table: read.source[srcTable].Text(),
			Time: avro.UnixMillis(read.source[srcTime].Int())}
		if err = r.compiler.misplaced(nil); err == nil {
			into.Op, err = read.operation(into)
		}
	} else {
		into.Op, _, err = r.compiler.happened(p.marks, into.After.Values, nil, "")
	}
	if err == nil {
		err = r.compiler.unchanged(p, nil, into)
	}
	switch {
	case err != nil:
		return err
	case change:
		whole = r.compiler.softDeleted(p, into, r.keepsBefore(into))
	case into.Op == pipeline.Delete:
		into.Before, into.After = into.After, into.Before
	}
	if len(p.missing) > 0 {
		return pipeline.Reject(pipeline.StageDecode, pipeline.MissingColumn, "column "+p.missing[0], "must be in the row")
	}
	return r.images(into, whole)
}

// special says why a line is not a row, as it would be said of a record.
func (r *Rows) special() pipeline.SkipReason {
	if r.compiler.cfg.Format == formatDebezium && isResolvedJSON(&r.doc) {
		return pipeline.SkipHeartbeat
	}
	return specialJSON(&r.doc, "")
}

// isChange is true for an object with op and an image. Where the sync says that its topic holds envelopes an image is enough,
// as it is there; a line without one is a new row all the same: people write such lines.
func (r *Rows) isChange() bool {
	_, hasOp := r.doc.Member(0, "op")
	format := r.compiler.cfg.Format
	return hasImage(&r.doc, 0) && (format == formatDebezium || format != formatFlat && hasOp)
}

// images checks that a change has the row its operation needs. A delete without its row is one known by its key. whole is
// true for an old row that is known to be whole.
func (r *Rows) images(c *pipeline.Change, whole bool) error {
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
	if c.BeforeComplete = whole; c.Before.Present && !whole {
		r.old(c)
	}
	return nil
}

// old says how much of the old row its image holds. What a key-only image leaves out is not known.
func (r *Rows) old(c *pipeline.Change) {
	values := c.Before.Values
	if c.BeforeComplete = r.keepsBefore(c); c.BeforeComplete {
		return
	}
	c.KeyRow = c.Op == pipeline.Delete
	for i := range values {
		if values[i].IsNull() {
			values[i] = pipeline.UnavailableValue()
		}
	}
}

// keepsBefore reports whether the image before a change is the whole old row.
func (r *Rows) keepsBefore(c *pipeline.Change) bool {
	cfg := &r.compiler.cfg
	told := cfg.BeforeImage == beforeFull || cfg.BeforeImage != beforeKeyOnly && writesWhole(c.Source.Connector)
	return told && !r.keyAlone(c.Before.Values)
}

// keyAlone is true for an image that has members, but none that is wanted. A member that is there and null is an answer.
func (r *Rows) keyAlone(values []pipeline.Value) bool {
	before, ok := r.doc.Member(0, "before")
	if !ok || len(values) == 0 || slices.ContainsFunc(values, func(v pipeline.Value) bool { return !v.IsNull() }) {
		return false
	}
	for k := before + 1; k < r.doc.Nodes[before].Next; k = r.doc.Nodes[k+1].Next {
		if r.doc.Nodes[k+1].Kind == jsontext.Null {
			return false
		}
	}
	return true
}
