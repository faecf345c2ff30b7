package cdc

import (
	"slices"
	"strings"

	"github.com/linkedin/goavro/v2"

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

// isEnvelope recognises Debezium's envelope: the topic routing transform may change the prefix of its name, not the end.
func isEnvelope(t *typ) bool {
	_, op := t.field("op")
	_, source := t.field("source")
	_, before := t.field("before")
	_, after := t.field("after")
	return strings.HasSuffix(t.shortName(), "Envelope") && op && source && (before || after)
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

// Slots of the source block.
const (
	srcConnector = iota
	srcTime
	srcSnapshot
	srcTable
	srcLog
	srcPos
	srcSlots
)

// sourceWants are the fields of the source block that are read, by connector: a field that is not there is absent.
func sourceWants(source *typ) []want {
	wants := []want{{"connector", srcConnector}, {"ts_ms", srcTime}, {"snapshot", srcSnapshot}, {"table", srcTable}}
	for _, name := range []string{"file", "change_lsn", "scn", "gtid"} {
		if _, ok := source.field(name); ok {
			wants = append(wants, want{name, srcLog})
			break
		}
	}
	for _, name := range []string{"lsn", "pos", "event_serial_no"} {
		if _, ok := source.field(name); ok {
			wants = append(wants, want{name, srcPos})
			break
		}
	}
	return wants
}

func (k *compiler) envelope(p *program) error {
	for i := range p.record.fields {
		f := &p.record.fields[i]
		t, null, _ := f.typ.nullable()
		part := part{typ: t, null: int8(null), field: f, role: roleOf(f.name)}
		if why := unfit(part.role, t); why != "" {
			p.form, p.refused = formRefused, why
			return nil
		}
		p.parts = append(p.parts, part)
	}
	return k.images(p)
}

func roleOf(name string) role {
	switch name {
	case "before":
		return roleBefore
	case "after":
		return roleAfter
	case "source":
		return roleSource
	case "op":
		return roleOp
	}
	return rolePassed
}

// unfit says why a field of an envelope cannot be what its name says.
func unfit(r role, t *typ) string {
	switch {
	case (r == roleBefore || r == roleAfter) && t.kind == kindString:
		return "a MongoDB change holds documents, not rows; only relational connectors are read"
	case (r == roleBefore || r == roleAfter || r == roleSource) && t.kind != kindRecord:
		return "the envelope's images and source are not records"
	case r == roleSource && strings.HasPrefix(t.name, debezium+"connector.mongodb."):
		return "a MongoDB change holds documents, not rows; only relational connectors are read"
	case r == roleOp && t.kind != kindString:
		return "the envelope's op is no text"
	}
	return ""
}

// images compiles the plans of both images, which are usually one, and of the source block.
func (k *compiler) images(p *program) error {
	pl := &planner{dialect: k.dialect, matcher: matcher{k.cfg.CaseInsensitive}, leaves: map[*typ]*goavro.Codec{}, noLeaves: k.noLeaves}
	row := p.rowType()
	wants := k.columns(p, row, false)
	pl.hidden = int32(len(p.shape.Names))
	plans := map[*typ]*rowPlan{}
	for i := range p.parts {
		if err := k.part(p, &p.parts[i], pl, wants, plans); err != nil {
			return err
		}
	}
	p.size = int(pl.hidden)
	p.fuse()
	return nil
}

// rowType is the record of the after image, or of the only one there is.
func (p *program) rowType() *typ {
	var row *typ
	for _, part := range p.parts {
		if part.role == roleAfter || part.role == roleBefore && row == nil {
			row = part.typ
		}
	}
	return row
}

func (k *compiler) part(p *program, at *part, pl *planner, wants []want, plans map[*typ]*rowPlan) (err error) {
	switch at.role {
	case roleBefore, roleAfter:
		if plans[at.typ] == nil {
			plans[at.typ], _, err = pl.row(at.typ, wants)
		}
		at.plan = plans[at.typ]
		if at.role == roleBefore {
			p.before = at.plan
		} else {
			p.after = at.plan
		}
	case roleSource:
		source := &planner{dialect: k.dialect, leaves: pl.leaves, hidden: srcSlots}
		at.plan, _, err = source.row(at.typ, sourceWants(at.typ))
		p.source = at.plan
	}
	return err
}

// fuse joins neighbouring fields that are passed over into one plan, so that the hot loop handles them.
func (p *program) fuse() {
	var parts []part
	for _, at := range p.parts {
		if at.role != rolePassed {
			parts = append(parts, at)
			continue
		}
		if len(parts) == 0 || parts[len(parts)-1].role != rolePassed {
			parts = append(parts, part{role: rolePassed, null: -1, plan: &rowPlan{record: p.record}, field: at.field})
		}
		op, size := skipOp(at.typ)
		plan := parts[len(parts)-1].plan
		plan.steps = append(plan.steps, step{op: op, size: size, null: at.null, slot: -1, typ: at.typ, field: at.field})
	}
	p.parts = parts
}

// columns makes the shape of a row: the wanted columns, then, if all are asked for, every other one. It returns what the
// plan has to read, and notes which columns are missing.
func (k *compiler) columns(p *program, row *typ, flat bool) []want {
	m := matcher{k.cfg.CaseInsensitive}
	names, present := slices.Clone(k.wanted.Columns), []int32{}
	taken := make([]bool, len(row.fields))
	for slot, name := range k.wanted.Columns {
		if i := m.find(row, name); i >= 0 && !taken[i] {
			taken[i] = true
			present = append(present, int32(slot))
		}
	}
	for i := range row.fields {
		if k.wanted.All && !taken[i] && !(flat && isMetadata(row.fields[i].name)) {
			present = append(present, int32(len(names)))
			names = append(names, row.fields[i].name)
		}
	}
	slices.SortFunc(present, func(a, b int32) int { return strings.Compare(names[a], names[b]) })
	p.shape = &pipeline.Shape{Names: names, Sorted: present}
	wants := wantsOf(names)
	p.missing = k.missing(row, m)
	return wants
}

// isMetadata tells the fields Debezium adds to a flattened row from the table's columns. They differ when the same change
// is written again, so they are no part of "all columns".
func isMetadata(name string) bool { return strings.HasPrefix(name, "__") }

func wantsOf(names []string) []want {
	wants := make([]want, len(names))
	for i, n := range names {
		wants[i] = want{n, int32(i)}
	}
	return wants
}

// missing lists the wanted columns the row's schema does not have, as far as the configuration minds.
func (k *compiler) missing(row *typ, m matcher) (missing []string) {
	for i, name := range k.wanted.Columns {
		mind := k.cfg.MissingColumn == missingReject || k.cfg.MissingColumn == missingStop ||
			k.cfg.MissingColumn == missingDefault && !k.wanted.optional(i)
		if mind && !hasColumn(row, name, m) {
			missing = append(missing, name)
		}
	}
	for _, name := range k.noneOf(row, m) {
		if !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// noneOf lists the columns of fields that can do without each of them, but not without all.
func (k *compiler) noneOf(row *typ, m matcher) (missing []string) {
	if k.cfg.MissingColumn != missingDefault {
		return nil // minds every column, or none
	}
	for _, names := range k.wanted.AnyOf {
		if !slices.ContainsFunc(names, func(name string) bool { return hasColumn(row, name, m) }) {
			missing = append(missing, names...)
		}
	}
	return missing
}

func hasColumn(row *typ, name string, m matcher) bool {
	if m.find(row, name) >= 0 {
		return true
	}
	head, rest, nested := strings.Cut(name, ".")
	i := m.find(row, head)
	return nested && i >= 0 && hasPath(row.fields[i].typ, rest, m)
}
