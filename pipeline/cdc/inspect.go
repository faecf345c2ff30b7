package cdc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Inspection is what a sync would make of a writer schema: what `check --online` tells.
type Inspection struct {
	Record    string   // full name of the record type, "" if it has none
	What      string   // "change", "row", "skipped: heartbeat", or why its records would be rejected
	Connector string   // of a change, as its source block is named: postgresql
	Columns   []Column // of the row
	Mapped    []Column // beside the wanted columns, under their names; one without a type is not there
	Missing   []string // wanted columns the row does not have and the configuration minds
}

// IsRow says that records of the schema are rows, or changes of rows.
func (in *Inspection) IsRow() bool { return in.What == "change" || in.What == "row" }

// Column is a column of a writer schema.
type Column struct {
	Name     string
	Type     string        // as a person would say it: decimal(2), instant, list of string
	Kind     pipeline.Kind // of its values; Missing where only they can tell
	Nullable bool
}

// Inspect compiles a writer schema as the decoder would, and tells of each type of a union at the root, or of the only one.
// An error is a schema that cannot be used.
func Inspect(cfg Config, wanted Wanted, src *Source) ([]*Inspection, error) {
	cfg = cfg.withLog()
	w, err := (&compiler{cfg: cfg, wanted: wanted, dialect: newDialect(cfg.UnavailablePlaceholder)}).writer(src)
	if err != nil {
		return nil, err
	}
	if len(w.programs) == 0 {
		return []*Inspection{{What: "its JSON Schema describes no columns: only the rows tell"}}, nil
	}
	var all []*Inspection
	for _, p := range w.programs {
		in := p.inspect(cfg, wanted)
		in.Record = p.record.name
		all = append(all, in)
	}
	return all, nil
}

func (p *program) inspect(cfg Config, wanted Wanted) *Inspection {
	switch p.form {
	case formSpecial:
		return &Inspection{What: p.skip.Error()}
	case formRefused:
		return &Inspection{What: p.refused}
	case formText:
		return &Inspection{What: "its values are text, read as JSON: only the rows tell"}
	}
	in := &Inspection{What: "row", Missing: p.missing}
	row := p.record
	if p.form == formEnvelope {
		in.What, in.Connector, row = "change", connectorName(p.record), p.rowRecord()
	}
	for _, f := range row.fields {
		in.Columns = append(in.Columns, columnOf(f.name, f.typ))
	}
	for _, name := range wanted.Columns {
		in.Mapped = append(in.Mapped, mappedColumn(row, name, matcher{cfg.CaseInsensitive}))
	}
	return in
}

func (p *program) rowRecord() *typ {
	if p.after != nil {
		return p.after.record
	}
	return p.before.record
}

// connectorName is the connector in the name of the envelope's source block: io.debezium.connector.postgresql.Source.
func connectorName(envelope *typ) string {
	source, ok := envelope.field("source")
	if !ok {
		return ""
	}
	source, _, _ = source.nullable()
	name, ok := strings.CutPrefix(source.name, debezium+"connector.")
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}

// mappedColumn is what a row's schema says of a wanted column, which may stand in a record.
func mappedColumn(row *typ, name string, m matcher) Column {
	if i := m.find(row, name); i >= 0 {
		return columnOf(name, row.fields[i].typ)
	}
	head, rest, nested := strings.Cut(name, ".")
	i := m.find(row, head)
	if !nested || i < 0 {
		return Column{Name: name}
	}
	of, _, nullable := row.fields[i].typ.nullable()
	switch {
	case of.kind == kindRecord && of.meaning == plain:
		c := mappedColumn(of, rest, m)
		c.Name, c.Nullable = name, c.Nullable || nullable
		return c
	case hasMembers(of):
		return Column{Name: name, Type: "a member of " + head, Nullable: true}
	}
	return Column{Name: name}
}

func columnOf(name string, of *typ) Column {
	t, _, nullable := of.nullable()
	c := Column{Name: name, Type: typeText(t, 3), Nullable: nullable || t.isNull() || slices.ContainsFunc(t.branches, (*typ).isNull)}
	switch t.kind {
	case kindUnion, kindNull:
	case kindArray:
		c.Kind = pipeline.List
	case kindMap:
		c.Kind = pipeline.Struct
	default:
		c.Kind = sample(t).Kind()
	}
	return c
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
		return newDialect("-").bytesValue(t, nil)
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
