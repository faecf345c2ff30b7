package cdc

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// marks are the hidden slots of the columns that say what happened to a plain row; -1 where there is none.
type marks struct {
	operation, flag, deletedWhen        int32 // of the configuration
	op, deleted, time, table, connector int32 // Debezium's __op, __deleted, …
}

// flat compiles the plan of a plain row: the wanted columns, and behind them the ones that say what happened.
func (k *compiler) flat(p *program) error {
	pl := k.planner()
	wants := k.columns(p, p.record, true)
	pl.Hidden = int32(len(p.shape.Names))
	ask := func(name string) int32 { return ask(pl, p.record, name, &wants) }
	p.marks = marks{
		operation: ask(k.cfg.Operation.column()), flag: ask(k.cfg.Operation.flag()), deletedWhen: ask(k.cfg.DeletedWhen.column()),
		op: ask("__op"), deleted: ask("__deleted"), time: ask("__source_ts_ms"), table: ask("__table"), connector: ask("__source_connector"),
	}
	k.needMark(p, k.cfg.Operation.column(), p.marks.operation)
	k.needMark(p, k.cfg.DeletedWhen.column(), p.marks.deletedWhen)
	k.askCells(p, pl, p.record, &wants)
	var err error
	p.row, _, err = pl.Row(p.record, wants)
	p.size = int(pl.Hidden)
	return err
}

// ask wants a column, or a path into one, in a hidden slot; -1 if the record has none of that name.
func ask(p *avro.Planner, record *avro.Type, name string, wants *[]avro.Want) int32 {
	if name == "" || !hasColumn(record, name, p.Matcher) {
		return -1
	}
	*wants = append(*wants, avro.Want{Name: name, Slot: p.Hidden})
	p.Hidden++
	return p.Hidden - 1
}

// needMark counts a configured column that says what happened, and that is not there, among the missing.
func (k *compiler) needMark(p *program, name string, slot int32) {
	if name != "" && slot < 0 && k.cfg.MissingColumn != missingNull {
		p.missing = append(p.missing, name)
	}
}

func (o *Operation) column() string {
	if o == nil {
		return ""
	}
	return o.Column
}

func (o *Operation) flag() string {
	if o == nil {
		return ""
	}
	return o.UpdateFlag
}

func (d *DeletedWhen) column() string {
	if d == nil {
		return ""
	}
	return d.Column
}

// at is a hidden slot's value, Missing where there is none.
func at(values []pipeline.Value, slot int32) pipeline.Value {
	if slot < 0 {
		return pipeline.Value{}
	}
	return values[slot]
}

// happened reads the columns that say what happened to a plain row. rewritten is true for a delete Debezium rewrote, whose
// row is a before image with all its gaps. Without any such column, every row is an insert.
func (k *compiler) happened(m marks, values []pipeline.Value, r *pipeline.Record, connector string) (op pipeline.Op, rewritten bool, err error) {
	if m.deletedWhen >= 0 && k.cfg.DeletedWhen.marks(values[m.deletedWhen]) {
		return pipeline.Delete, false, nil
	}
	if m.operation >= 0 {
		op, err = k.operation(values[m.operation], truth(at(values, m.flag)))
		return op, false, err
	}
	if truth(at(values, m.deleted)) {
		return pipeline.Delete, true, nil
	}
	if letter := opLetter(at(values, m.op), r); len(letter) > 0 {
		op, err = debeziumOp(letter, false, connector)
		return op, op == pipeline.Delete, err
	}
	return pipeline.Insert, false, nil
}

// opLetter is Debezium's letter in a flattened row's __op, or in the record's header of that name.
func opLetter(v pipeline.Value, r *pipeline.Record) []byte {
	if v.Kind() == pipeline.String {
		return bytes.TrimSpace(v.Bytes())
	}
	if r == nil {
		return nil
	}
	letter, _ := r.Header("__op")
	return headerText(letter)
}

// operation reads the configured column. With the update flag set, an insert is the new row of an update, and a delete
// its old one.
func (k *compiler) operation(v pipeline.Value, update bool) (pipeline.Op, error) {
	verb := verbUnknown
	if !v.IsNull() {
		var scratch [32]byte
		verb = k.cfg.Operation.verb(v.AppendText(scratch[:0]))
	}
	switch {
	case verb == verbInsert && update:
		return pipeline.Update, nil
	case verb == verbDelete && update:
		return 0, pipeline.SkipBeforeImage
	}
	switch verb {
	case verbInsert:
		return pipeline.Insert, nil
	case verbSnapshot:
		return pipeline.Snapshot, nil
	case verbUpdate:
		return pipeline.Update, nil
	case verbDelete:
		return pipeline.Delete, nil
	case verbIgnore:
		return 0, pipeline.SkipIgnored
	case verbTruncate:
		return 0, pipeline.SkipTruncate
	case verbMessage:
		return 0, pipeline.SkipMessage
	}
	return 0, pipeline.Reject(pipeline.StageDecode, pipeline.UnknownOperation, "column "+k.cfg.Operation.Column,
		"must be one of operation's values")
}

// debeziumOp reads Debezium's letter. An insert written while a table is copied is a snapshot row. Cassandra's connector has
// letters of its own.
func debeziumOp(op []byte, copying bool, connector string) (pipeline.Op, error) {
	if connector == cassandra && len(op) == 1 {
		switch op[0] {
		case 'i':
			op = []byte("c")
		case 'r':
			return 0, pipeline.Reject(pipeline.StageDecode, pipeline.RangeDelete, "op", "must name one row")
		}
	}
	if len(op) == 1 {
		switch op[0] {
		case 'c':
			if copying {
				return pipeline.Snapshot, nil
			}
			return pipeline.Insert, nil
		case 'r':
			return pipeline.Snapshot, nil
		case 'u':
			return pipeline.Update, nil
		case 'd':
			return pipeline.Delete, nil
		case 't':
			return 0, pipeline.SkipTruncate
		case 'm':
			return 0, pipeline.SkipMessage
		}
	}
	return 0, pipeline.Reject(pipeline.StageDecode, pipeline.UnknownOperation, "op", "must be c, u, d, r, t or m")
}
