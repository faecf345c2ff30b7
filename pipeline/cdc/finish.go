package cdc

import (
	"context"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// finish turns what was read into a change: what happened, where it came from, and how much of the old row is real.
func (d *Decoder) finish(ctx context.Context, r *pipeline.Record, w *writer, read *reading, c *pipeline.Change) error {
	p := read.program
	switch p.form {
	case formSpecial:
		return p.skip
	case formRefused:
		return pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "", p.refused)
	case formText:
		return d.jsonText(ctx, r, read.op, true, c)
	case formFlat:
		d.note(r.Topic, true)
		return d.finishFlat(ctx, r, w, p, c)
	}
	d.note(r.Topic, false)
	return d.finishEnvelope(ctx, r, w, read, c)
}

func (d *Decoder) finishEnvelope(ctx context.Context, r *pipeline.Record, w *writer, read *reading, c *pipeline.Change) error {
	p, src := read.program, &read.source
	if err := d.compiler.misplaced(r); err != nil {
		return err
	}
	c.Shape = p.shape
	c.Source = pipeline.Source{Connector: w.connector.text(src[srcConnector].Bytes()), Table: w.table.text(src[srcTable].Bytes()),
		Time: avro.UnixMillis(src[srcTime].Int()), Log: src[srcLog].Bytes(), Pos: src[srcPos].Int()}
	var err error
	if c.Op, err = read.operation(c); err != nil {
		return err
	}
	if err := d.mind(r, p); err != nil {
		return err
	}
	if err := d.compiler.unchanged(p, r, c); err != nil {
		return err
	}
	whole := d.keepsBefore(c.Source.Connector, true)
	return d.images(ctx, r, c, p.marks.deletedWhen >= 0 && d.compiler.softDeleted(p, c, whole) || whole)
}

// placed is where a record is, for trouble; nil is a row on its own.
func placed(r *pipeline.Record) string {
	if r == nil {
		return "the row"
	}
	return "topic " + r.Topic + ", record " + r.Position()
}

// operation is what an envelope says happened. One without op has images alone: where the old row is not written either,
// an update looks like an insert.
func (r *reading) operation(c *pipeline.Change) (pipeline.Op, error) {
	switch {
	case !r.program.opless:
		return debeziumOp(r.op, copying(r.source[srcSnapshot]), c.Source.Connector)
	case !c.After.Present:
		return pipeline.Delete, nil
	case c.Before.Present:
		return pipeline.Update, nil
	}
	return pipeline.Insert, nil
}

// softDeleted makes a delete of an envelope whose new row is marked as deleted, and an insert of one whose old row was: for
// everybody else the row is not there in between. whole is true where the old row is. The marked row is, and is the one to take
// away; what the row was before that may have to go as well.
func (k *compiler) softDeleted(p *program, c *pipeline.Change, whole bool) bool {
	slot := p.marks.deletedWhen
	if slot < 0 || c.Op == pipeline.Delete {
		return false
	}
	was := c.Before.Present && whole && !k.cfg.DeletedWhen.marks(c.Before.Values[slot])
	switch {
	case c.After.Present && k.cfg.DeletedWhen.marks(c.After.Values[slot]):
		c.Op, c.Before, c.After = pipeline.Delete, c.After, c.Before
		if was {
			c.Older = pipeline.Image{Present: true, Values: cut(c.After.Values, len(p.shape.Names))}
		}
		return true
	case c.Op == pipeline.Update && c.Before.Present && whole && !was:
		c.Op = pipeline.Insert
	}
	return false
}

// copying is true while a table is copied: everything but "false", its default.
func copying(snapshot pipeline.Value) bool {
	b := snapshot.Bytes()
	return len(b) > 0 && string(b) != "false"
}

func (d *Decoder) finishFlat(ctx context.Context, r *pipeline.Record, w *writer, p *program, c *pipeline.Change) error {
	values := c.After.Values
	c.Shape = p.shape
	c.Source = pipeline.Source{Connector: w.connector.text(connectorOf(at(values, p.marks.connector), r)),
		Table: w.table.text(at(values, p.marks.table).Bytes()), Time: avro.UnixMillis(at(values, p.marks.time).Int())}
	op, rewritten, err := d.compiler.happened(p.marks, values, r, c.Source.Connector)
	if err != nil {
		return err
	}
	c.Op = op
	if err := d.mind(r, p); err != nil {
		return err
	}
	if err := d.compiler.unchanged(p, r, c); err != nil {
		return err
	}
	if op == pipeline.Delete {
		c.Before, c.After = c.After, c.Before
	}
	return d.images(ctx, r, c, d.keepsBefore(c.Source.Connector, !rewritten))
}

// connectorOf is the connector of a flattened row: in a column, or in the header newer versions of Debezium write.
func connectorOf(v pipeline.Value, r *pipeline.Record) []byte {
	if v.Kind() == pipeline.String {
		return v.Bytes()
	}
	b, _ := r.Header("__debezium.context.connectorName")
	return headerText(b)
}

// keepsBefore reports whether a before image holds the whole old row. Nothing in a record says so: PostgreSQL's default is
// the key alone, connectors that write changed columns write those alone, the other databases write it whole. usual is for rows
// without a connector.
func (d *Decoder) keepsBefore(connector string, usual bool) bool {
	switch {
	case d.cfg.BeforeImage == beforeFull:
		return true
	case d.cfg.BeforeImage == beforeKeyOnly, connector == "postgresql", !writesWhole(connector):
		return false
	}
	return usual || connector != ""
}

// images checks that the change has the rows its operation needs, and takes the fillers out of a before image that holds
// only the key.
func (d *Decoder) images(ctx context.Context, r *pipeline.Record, c *pipeline.Change, whole bool) error {
	visible := len(c.Shape.Names)
	c.Before.Values, c.After.Values = cut(c.Before.Values, visible), cut(c.After.Values, visible)
	switch c.Op {
	case pipeline.Insert, pipeline.Snapshot:
		c.Before.Present = false
	case pipeline.Delete:
		c.After.Present = false
		c.KeyRow = !whole || !c.Before.Present
		if !c.Before.Present {
			return d.keys.row(ctx, r, c)
		}
	}
	if c.Op != pipeline.Delete && !c.After.Present {
		return pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "after", "must hold the row")
	}
	c.BeforeComplete = c.Before.Present && whole
	switch {
	case !c.Before.Present || whole:
		return nil
	case !writesWhole(c.Source.Connector) && d.cfg.BeforeImage != beforeKeyOnly:
		nullsUnknown(c.Before.Values)
		return nil
	}
	return d.keys.mask(ctx, r, c)
}

func cut(values []pipeline.Value, n int) []pipeline.Value {
	if len(values) > n {
		return values[:n]
	}
	return values
}

// mind applies the policy for mapped columns that the schema does not have.
func (d *Decoder) mind(r *pipeline.Record, p *program) error {
	if len(p.missing) == 0 {
		return nil
	}
	if d.cfg.MissingColumn == missingReject {
		return pipeline.Reject(pipeline.StageDecode, pipeline.MissingColumn, "column "+p.missing[0], "must be in the row's schema")
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleColumn, Stop: true,
		What: placed(r) + ": the schema" + ofRecord(p.record) + " has no column " + strings.Join(p.missing, ", ") +
			"; " + d.compiler.missingCure(p)}
}

// missingCure is what to do about a column that is not there, by what the record looks like.
func (k *compiler) missingCure(p *program) string {
	switch {
	case p.form == formFlat && mayHaveImage(p.record) && k.cfg.Format == formatAuto:
		return "the record looks like a change: set `format: debezium` if it is one, else correct the mapping"
	case p.record.Name != "" && len(k.cfg.Records) == 0:
		return "correct the mapping, set `missing_column: null` or `reject`, or, if the topic holds several record types, name those to read in `records`"
	}
	return "correct the mapping, or set `missing_column: null` or `reject`"
}

// ofRecord is " of " and the record's name, where it has one.
func ofRecord(record *avro.Type) string {
	if record.Name == "" {
		return ""
	}
	return " of " + record.Name
}

// noted is what the values of a topic are.
type noted struct {
	topic string
	flat  bool
}

// note remembers what a topic's values are, for its tombstones.
func (d *Decoder) note(topic string, flat bool) {
	if n := d.noted.Load(); n == nil || n.topic != topic || n.flat != flat {
		d.noted.Store(&noted{topic, flat})
		d.flat.Store(topic, flat)
	}
}

// tombstone reads a null value, as Config.Tombstones says.
func (d *Decoder) tombstone(ctx context.Context, r *pipeline.Record, c *pipeline.Change) error {
	switch {
	case isSpecialTopic(r.Topic) || len(r.Key) == 0:
		return pipeline.SkipTombstone
	case d.cfg.Tombstones == TombstonesDelete:
		c.Op, c.KeyRow, c.Before.Present = pipeline.Delete, true, true
		d.keys.unknown(c)
		return nil
	case !d.mayBeFlat(r.Topic):
		return pipeline.SkipTombstone
	}
	c.Op, c.KeyRow = pipeline.Delete, true
	return d.keys.row(ctx, r, c)
}

// mayBeFlat reports whether a topic's values are plain rows, as far as is known.
func (d *Decoder) mayBeFlat(topic string) bool {
	if d.cfg.Format != formatAuto {
		return d.cfg.Format == formatFlat
	}
	flat, known := d.flat.Load(topic)
	return !known || flat == true
}

func isSpecialTopic(topic string) bool { return strings.HasPrefix(topic, "__debezium-heartbeat.") }
