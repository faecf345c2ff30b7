package cdc

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// form is what a record of a schema is.
type form uint8

const (
	formFlat     form = iota // a plain row
	formEnvelope             // Debezium's envelope
	formText                 // text, which holds a row or a change in JSON
	formSpecial              // one of Debezium's own records, or a type the sync does not read: skipped
	formRefused              // neither row nor change
)

// program reads the records of one writer schema. It is compiled once and shared; it never changes.
type program struct {
	form    form
	skip    pipeline.SkipReason // of formSpecial
	refused string              // of formRefused: what it is, for a person
	record  *avro.Type

	shape   *pipeline.Shape
	missing []string // wanted columns that must be there and are not
	nulls   []string // wanted columns that are not there and count as NULL, as the configuration says
	size    int      // slots of an image, the hidden ones behind those of the shape

	cells []int32 // with after_image: changed, of each column that is a path the slot of the column it begins with; -1: none

	parts  []part     // of an envelope
	before *avro.Plan // of an envelope; the images differ in nothing but where they are put
	after  *avro.Plan
	source *avro.Plan
	opless bool // an envelope without op: its images say what happened

	row   *avro.Plan // of a plain row
	marks marks
}

// part is one field of an envelope, or several that are passed over together.
type part struct {
	role  role
	null  int8
	typ   *avro.Type
	plan  *avro.Plan
	field *avro.Field
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
	dialect *avro.Dialect

	noLeaves bool // for JSON: goavro has no part in it
}

// planner plans the rows of one record.
func (k *compiler) planner() *avro.Planner {
	pl := avro.NewPlanner(k.dialect, avro.Matcher{Fold: k.cfg.CaseInsensitive})
	pl.NoLeaves = k.noLeaves
	return pl
}

func (k *compiler) program(record *avro.Type) (*program, error) {
	p := &program{record: record, form: formFlat}
	if p.skip = k.passedOver(record); p.skip != "" {
		p.form = formSpecial
		return p, nil
	}
	switch {
	case record.Kind == avro.KindString:
		p.form = formText
	case record.Kind != avro.KindRecord:
		p.form, p.refused = formRefused, "the schema is a "+record.Kind.String()+", not a record"
	case k.isEnvelope(record):
		p.form = formEnvelope
		return p, k.envelope(p)
	case k.cfg.Format == formatDebezium:
		p.form, p.refused = formRefused, notAnEnvelope
	default:
		return p, k.flat(p)
	}
	return p, nil
}

const notAnEnvelope = "the record is not a Debezium envelope: it has neither before nor after; set `format: flat` for plain rows"

// unread is true for programs that look at no byte of their records.
func (p *program) unread() bool { return p.form == formSpecial || p.form == formRefused }

// passedOver says why records of a type are skipped, "" for those that are read.
func (k *compiler) passedOver(t *avro.Type) pipeline.SkipReason {
	switch skip := special(t); {
	case skip != "":
		return skip
	case k.cfg.Format == formatDebezium && isResolved(t):
		return pipeline.SkipHeartbeat
	case !k.cfg.picks(t):
		return pipeline.SkipRecordType
	}
	return ""
}

// special recognises the records Debezium writes for itself.
func special(t *avro.Type) pipeline.SkipReason {
	if !avro.IsDebezium(t.Name) {
		return ""
	}
	return specialName(t.Name)
}

// isResolved recognises the marks of time among CockroachDB's changes.
func isResolved(t *avro.Type) bool {
	_, resolved := t.Field("resolved")
	return resolved && len(t.Fields) == 1
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
