package cdc

import (
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Inspection is what a sync would make of a writer schema: what `check --online` tells.
type Inspection struct {
	What    string   // "change", "row", "skipped: heartbeat", or why its records would be rejected
	Columns []Column // of the row
	Missing []string // wanted columns the row does not have and the configuration minds
}

// Column is a column of a writer schema.
type Column struct {
	Name     string
	Type     string // as a person would say it: decimal(2), instant, list of text
	Nullable bool
}

// Inspect compiles a writer schema as the decoder would. An error is a schema that cannot be used.
func Inspect(cfg Config, wanted Wanted, src *Source) (*Inspection, error) {
	cfg = cfg.withDefaults()
	w, err := (&compiler{cfg: cfg, wanted: wanted, dialect: newDialect(cfg.UnavailablePlaceholder)}).writer(src)
	if err != nil {
		return nil, err
	}
	p := w.programs[0]
	switch p.form {
	case formSpecial:
		return &Inspection{What: p.skip.Error()}, nil
	case formRefused:
		return &Inspection{What: p.refused}, nil
	case formEnvelope:
		return &Inspection{What: "change", Columns: columnsOf(p.rowRecord()), Missing: p.missing}, nil
	}
	return &Inspection{What: "row", Columns: columnsOf(p.record), Missing: p.missing}, nil
}

func (p *program) rowRecord() *typ {
	if p.after != nil {
		return p.after.record
	}
	return p.before.record
}

func columnsOf(record *typ) []Column {
	columns := make([]Column, len(record.fields))
	for i, f := range record.fields {
		t, _, nullable := f.typ.nullable()
		columns[i] = Column{Name: f.name, Type: typeText(t, 3), Nullable: nullable}
	}
	return columns
}

// typeText says what values of a type are. Within, it names no more than a few levels.
func typeText(t *typ, levels int) string {
	t, _, _ = t.nullable()
	switch {
	case levels == 0:
		return "…"
	case t.kind == kindArray:
		return "list of " + typeText(t.items, levels-1)
	case t.kind == kindMap:
		return "map of " + typeText(t.items, levels-1)
	case t.kind == kindUnion:
		return "one of several types"
	case t.meaning == decimal:
		return "decimal(" + strconv.Itoa(int(t.scale)) + ")"
	}
	return sample(t).Kind().String()
}

// sample is a value of a type, to learn its kind.
func sample(t *typ) pipeline.Value {
	switch t.kind {
	case kindNull:
		return pipeline.NullValue()
	case kindBool:
		return pipeline.BoolValue(false)
	case kindInt, kindLong:
		return intValue(t.meaning, 0)
	case kindFloat, kindDouble:
		return pipeline.FloatValue(0)
	case kindRecord:
		return sampleRecord(t.meaning)
	case kindBytes, kindFixed:
		return newDialect("").bytesValue(t, nil)
	}
	return sampleText(t.meaning)
}

func sampleRecord(m meaning) pipeline.Value {
	switch m {
	case varDecimal:
		return pipeline.DecimalValue(0, 0)
	case structuredDate:
		return pipeline.DateValue(0)
	case structuredTime:
		return pipeline.TimeOfDayValue(0)
	case structuredTimestamp:
		return pipeline.LocalValue(0, 0)
	case structuredZonedTimestamp:
		return pipeline.InstantValue(0, 0)
	}
	return pipeline.StructValue(nil, nil)
}

func sampleText(m meaning) pipeline.Value {
	switch m {
	case jsonText:
		return pipeline.JSONValue(nil)
	case zonedTimestamp:
		return pipeline.InstantValue(0, 0)
	case isoTimestamp:
		return pipeline.LocalValue(0, 0)
	case isoDate:
		return pipeline.DateValue(0)
	case zonedTime:
		return pipeline.TimeOfDayValue(0)
	}
	return pipeline.StringValue(nil)
}
