package cdc

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// form is what a record of a schema is.
type form uint8

const (
	formFlat     form = iota // a plain row
	formEnvelope             // Debezium's envelope
	formSpecial              // one of Debezium's own records: skipped
	formRefused              // neither row nor change
)

// program reads the records of one writer schema. It is compiled once and shared; it never changes.
type program struct {
	form    form
	skip    pipeline.SkipReason // of formSpecial
	refused string              // of formRefused: what it is, for a person
	record  *typ

	shape   *pipeline.Shape
	missing []string // wanted columns that must be there and are not
	size    int      // slots of an image, the hidden ones behind those of the shape

	parts  []part   // of an envelope
	before *rowPlan // of an envelope; the images differ in nothing but where they are put
	after  *rowPlan
	source *rowPlan

	row   *rowPlan // of a plain row
	marks marks
}

// part is one field of an envelope, or several that are passed over together.
type part struct {
	role  role
	null  int8
	typ   *typ
	plan  *rowPlan
	field *field
}

type role uint8

const (
	rolePassed role = iota
	roleBefore
	roleAfter
	roleSource
	roleOp
)

// compiler makes programs for one sync.
type compiler struct {
	cfg     Config
	wanted  Wanted
	dialect *dialect

	noLeaves bool // for JSON: goavro has no part in it
}

func (k *compiler) program(record *typ) (*program, error) {
	p := &program{record: record, form: formFlat}
	switch {
	case record.kind != kindRecord:
		p.form, p.refused = formRefused, "the schema is a "+record.kind.String()+", not a record"
		return p, nil
	case isEnvelope(record) && k.cfg.Format != formatFlat:
		p.form = formEnvelope
		return p, k.envelope(p)
	}
	if p.skip = special(record); p.skip != "" {
		p.form = formSpecial
		return p, nil
	}
	if k.cfg.Format == formatDebezium {
		p.form, p.refused = formRefused, "the record is no Debezium envelope; set `format: flat` for plain rows"
		return p, nil
	}
	return p, k.flat(p)
}

// special recognises the records Debezium writes for itself.
func special(t *typ) pipeline.SkipReason {
	if !isDebezium(t.name) {
		return ""
	}
	return specialName(t.name)
}

func specialName(full string) pipeline.SkipReason {
	switch full[strings.LastIndexByte(full, '.')+1:] {
	case "Heartbeat":
		return pipeline.SkipHeartbeat
	case "TransactionMetadataValue":
		return pipeline.SkipTransaction
	case "SchemaChangeValue":
		return pipeline.SkipSchemaChange
	case "MessageValue", "NotificationValue", "SignalValue":
		return pipeline.SkipMessage
	}
	return ""
}
