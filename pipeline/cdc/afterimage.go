package cdc

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// What the new row of an update holds. Most connectors write it whole. Others write the key and the columns that changed, with
// NULL in all others, and no record says which it is.

const (
	afterFull    = "full"
	afterChanged = "changed"

	spanner   = "spanner"
	cassandra = "cassandra"
)

// writesWhole reports whether a connector is known to write every column of a new row. Rows without a connector are those of
// warehouses, Flink, Materialize and CockroachDB, which do.
func writesWhole(connector string) bool {
	switch connector {
	case "", "postgresql", "mysql", "mariadb", "sqlserver", "oracle", "db2", "informix", "ibmi":
		return true
	}
	return false
}

// unchanged deals with the NULLs of a new row that may hold only what changed. The sync says what they mean; one that does not
// is stopped at the first. Change.Op and Source are set, and the images have their hidden slots.
func (k *compiler) unchanged(p *program, r *pipeline.Record, c *pipeline.Change) error {
	update := c.Op == pipeline.Update || c.Op == pipeline.Insert && c.Source.Connector == cassandra // whose inserts are upserts
	switch {
	case !update || !c.After.Present || k.cfg.AfterImage == afterFull:
	case k.cfg.AfterImage == afterChanged:
		k.leaveOut(p, c)
	case writesWhole(c.Source.Connector) || k.wanted.Sent == nil || !k.wanted.Sent(c.Op):
	default:
		return k.untold(p, r, c)
	}
	return nil
}

// leaveOut makes columns unavailable that the new row leaves out, unless a whole old row has them.
func (k *compiler) leaveOut(p *program, c *pipeline.Change) {
	old := k.cfg.BeforeImage == beforeFull && c.Before.Present
	for i := range p.shape.Names {
		switch v := &c.After.Values[i]; {
		case !p.leftOut(*v) || p.isCell(i, c.After.Values):
		case old:
			*v = c.Before.Values[i]
		case c.Source.Connector == spanner && !c.Before.Value(i).IsNull(): // its old row holds what changed: to NULL
		default:
			*v, c.Partial = pipeline.UnavailableValue(), true
		}
	}
}

// leftOut reports whether a value of a new row may be that of a column which did not change: NULL, or in JSON not there.
func (p *program) leftOut(v pipeline.Value) bool {
	return v.Kind() == pipeline.Null || v.Kind() == pipeline.Missing && p.record.Name == ""
}

// isCell reports whether a NULL is that of a cell which is there: {"value": null}. A cell that did not change is NULL itself.
func (p *program) isCell(i int, values []pipeline.Value) bool {
	return p.cells != nil && p.cells[i] >= 0 && !values[p.cells[i]].IsNull()
}

// askCells wants, next to paths into columns, the columns themselves.
func (k *compiler) askCells(p *program, pl *avro.Planner, row *avro.Type, wants *[]avro.Want) {
	if k.cfg.AfterImage != afterChanged {
		return
	}
	for _, name := range p.shape.Names {
		slot := int32(-1)
		if head, _, nested := strings.Cut(name, "."); nested && pl.Matcher.Find(row, name) < 0 {
			slot = ask(pl, row, head, wants)
		}
		p.cells = append(p.cells, slot)
	}
}

// untold is the trouble of a NULL that may mean "unchanged"; nil where no column is NULL that the sync reads.
func (k *compiler) untold(p *program, r *pipeline.Record, c *pipeline.Change) error {
	column := ""
	for i, name := range p.shape.Names {
		if column == "" && p.leftOut(c.After.Values[i]) {
			column = name
		}
	}
	if mark := p.marks.deletedWhen; column == "" && mark >= 0 && c.After.Values[mark].IsNull() {
		column = k.cfg.DeletedWhen.Column
	}
	if column == "" {
		return nil
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleConfig, Stop: true, What: placed(r) + ": column " + column + " is NULL in an " + c.Op.String() +
		" by connector " + avro.Short(c.Source.Connector) + ", which may write NULL for what did not change: set `after_image: changed` if it does, `after_image: full` if it writes whole rows"}
}

// misplaced is the trouble of an envelope where the sync looks for the operation in a column.
func (k *compiler) misplaced(r *pipeline.Record) error {
	if k.cfg.Operation == nil || k.wanted.Sent == nil {
		return nil
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleConfig, Stop: true,
		What: placed(r) + ": the record is a Debezium envelope, which says itself what happened, and `operation` is for plain rows: take `operation` out, or set `format: flat`"}
}

// nullsUnknown makes unavailable what an old row of changed columns leaves out.
func nullsUnknown(values []pipeline.Value) {
	for i := range values {
		if values[i].Kind() == pipeline.Null {
			values[i] = pipeline.UnavailableValue()
		}
	}
}
