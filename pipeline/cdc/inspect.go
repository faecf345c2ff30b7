package cdc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Inspection is what a sync would make of a writer schema: what `check --online` tells.
type Inspection struct {
	Record    string   // full name of the record type, "" if it has none
	What      string   // "change", "row", "skipped: heartbeat", or why its records would be rejected
	Connector string   // of a change, as its source block is named: postgresql
	Columns   []Column // of the row
	Mapped    []Column // next to the wanted columns, under their names; one without a type is not there
	Missing   []string // wanted columns the row does not have and the configuration minds
	Misplaced bool     // a change, and the configuration looks for the operation in a column: the sync stops at the first
	Untold    bool     // the connector may write changed columns alone, and the configuration does not say
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
func Inspect(cfg Config, wanted Wanted, src *avro.Source) ([]*Inspection, error) {
	cfg = cfg.withLog()
	w, err := (&compiler{cfg: cfg, wanted: wanted, dialect: avro.NewDialect(cfg.UnavailablePlaceholder)}).writer(src)
	if err != nil {
		return nil, err
	}
	if len(w.programs) == 0 {
		return []*Inspection{{What: "its JSON Schema describes no columns: only the rows tell"}}, nil
	}
	var all []*Inspection
	for _, p := range w.programs {
		in := p.inspect(cfg, wanted)
		in.Record = p.record.Name
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
		in.Misplaced, in.Untold = cfg.Operation != nil, !writesWhole(in.Connector) && cfg.AfterImage != afterFull && cfg.AfterImage != afterChanged
	}
	for _, f := range row.Fields {
		in.Columns = append(in.Columns, columnOf(f.Name, f.Type))
	}
	for _, name := range wanted.Columns {
		in.Mapped = append(in.Mapped, mappedColumn(row, name, avro.Matcher{Fold: cfg.CaseInsensitive}))
	}
	return in
}

func (p *program) rowRecord() *avro.Type {
	if p.after != nil {
		return p.after.Record
	}
	return p.before.Record
}

// connectorName is the connector in the name of the envelope's source block: io.debezium.connector.postgresql.Source.
func connectorName(envelope *avro.Type) string {
	source, ok := envelope.Field("source")
	if !ok {
		return ""
	}
	source, _, _ = source.Nullable()
	name, ok := strings.CutPrefix(source.Name, avro.Debezium+"connector.")
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}

// mappedColumn is what a row's schema says of a wanted column, which may be in a record.
func mappedColumn(row *avro.Type, name string, m avro.Matcher) Column {
	if i := m.Find(row, name); i >= 0 {
		return columnOf(name, row.Fields[i].Type)
	}
	head, rest, nested := strings.Cut(name, ".")
	i := m.Find(row, head)
	if !nested || i < 0 {
		return Column{Name: name}
	}
	of, _, nullable := row.Fields[i].Type.Nullable()
	switch {
	case of.Kind == avro.KindRecord && of.Meaning == avro.Plain:
		c := mappedColumn(of, rest, m)
		c.Name, c.Nullable = name, c.Nullable || nullable
		return c
	case avro.HasMembers(of):
		return Column{Name: name, Type: "a member of " + head, Nullable: true}
	}
	return Column{Name: name}
}

func columnOf(name string, of *avro.Type) Column {
	t, _, nullable := of.Nullable()
	c := Column{Name: name, Type: typeText(t, 3), Nullable: nullable || t.IsNull() || slices.ContainsFunc(t.Branches, (*avro.Type).IsNull)}
	switch t.Kind {
	case avro.KindUnion, avro.KindNull:
	case avro.KindArray:
		c.Kind = pipeline.List
	case avro.KindMap:
		c.Kind = pipeline.Struct
	default:
		c.Kind = sample(t).Kind()
	}
	return c
}

// typeText says what values of a type are. Within, it names no more than a few levels.
func typeText(t *avro.Type, levels int) string {
	t, _, _ = t.Nullable()
	switch {
	case levels == 0:
		return "…"
	case t.Kind == avro.KindArray:
		return "list of " + typeText(t.Items, levels-1)
	case t.Kind == avro.KindMap:
		return "map of " + typeText(t.Items, levels-1)
	case t.Kind == avro.KindUnion:
		return "one of several types"
	case t.Meaning == avro.Decimal:
		return "decimal(" + strconv.Itoa(int(t.Scale)) + ")"
	}
	return sample(t).Kind().String()
}

// sample is a value of a type, to learn its kind.
func sample(t *avro.Type) pipeline.Value {
	switch t.Kind {
	case avro.KindNull:
		return pipeline.NullValue()
	case avro.KindBool:
		return pipeline.BoolValue(false)
	case avro.KindInt, avro.KindLong:
		return avro.IntValue(t.Meaning, 0)
	case avro.KindFloat, avro.KindDouble:
		return pipeline.FloatValue(0)
	case avro.KindRecord:
		return sampleRecord(t.Meaning)
	case avro.KindBytes, avro.KindFixed:
		return avro.NewDialect("-").BytesValue(t, nil)
	}
	return sampleText(t.Meaning)
}

func sampleRecord(m avro.Meaning) pipeline.Value {
	switch m {
	case avro.VarDecimal:
		return pipeline.DecimalValue(0, 0)
	case avro.StructuredDate:
		return pipeline.DateValue(0)
	case avro.StructuredTime:
		return pipeline.TimeOfDayValue(0)
	case avro.StructuredTimestamp:
		return pipeline.LocalValue(0, 0)
	case avro.StructuredZonedTimestamp:
		return pipeline.InstantValue(0, 0)
	}
	return pipeline.StructValue(nil, nil)
}

func sampleText(m avro.Meaning) pipeline.Value {
	switch m {
	case avro.JSONText:
		return pipeline.JSONValue(nil)
	case avro.ZonedTimestamp:
		return pipeline.InstantValue(0, 0)
	case avro.ISOTimestamp:
		return pipeline.LocalValue(0, 0)
	case avro.ISODate:
		return pipeline.DateValue(0)
	case avro.ZonedTime:
		return pipeline.TimeOfDayValue(0)
	}
	return pipeline.StringValue(nil)
}
