package cdc

import (
	"slices"
	"strings"

	"github.com/linkedin/goavro/v2"
)

// want is a column somebody asks for, and the slot for it.
type want struct {
	name string
	slot int32
}

// planner compiles plans of one writer schema.
type planner struct {
	dialect *dialect
	matcher matcher
	leaves  map[*typ]*goavro.Codec
	hidden  int32 // the next free slot behind those asked for

	noLeaves bool // the rows are JSON: goavro has no part in them
}

// asked is what is wanted of one field.
type asked struct {
	slots   []int32 // the whole column
	members []want  // within it
}

// row compiles a plan for a record. It returns the wants the record has no column for.
func (p *planner) row(record *typ, wants []want) (*rowPlan, []want, error) {
	plan := &rowPlan{dialect: p.dialect, leaves: p.leaves, record: record}
	fields, missing := p.share(record, wants)
	for i := range record.fields {
		gone, err := p.field(plan, &record.fields[i], fields[i])
		if err != nil {
			return nil, nil, err
		}
		missing = append(missing, gone...)
	}
	for _, w := range missing {
		plan.absent = append(plan.absent, w.slot)
	}
	for _, w := range wants {
		plan.slots = append(plan.slots, w.slot)
	}
	return plan, missing, nil
}

// share gives every want to the field it is about. "address.city" is a column of that name, or the member of a column.
func (p *planner) share(record *typ, wants []want) (fields []asked, missing []want) {
	fields = make([]asked, len(record.fields))
	for _, w := range wants {
		if i := p.matcher.find(record, w.name); i >= 0 {
			fields[i].slots = append(fields[i].slots, w.slot)
			continue
		}
		head, rest, nested := strings.Cut(w.name, ".")
		if i := p.matcher.find(record, head); nested && i >= 0 && hasMembers(record.fields[i].typ) {
			fields[i].members = append(fields[i].members, want{rest, w.slot})
			continue
		}
		missing = append(missing, w)
	}
	return fields, missing
}

func hasMembers(t *typ) bool {
	t, _, _ = t.nullable()
	return mayHaveMembers(t) || t.kind == kindRecord && t.meaning == plain
}

// mayHaveMembers is true for values of which only the row says what they hold: maps and JSON. A plain text may be JSON that
// its producer did not mark, as the text payloads of outboxes are.
func mayHaveMembers(t *typ) bool {
	return t.kind == kindMap || t.kind == kindAny || t.meaning == jsonText || t.kind == kindString && t.meaning == plain
}

// field adds the step for one field.
func (p *planner) field(plan *rowPlan, f *field, a asked) (missing []want, err error) {
	t, null, _ := f.typ.nullable()
	s := step{null: int8(null), typ: t, field: f, slot: -1, meaning: t.meaning}
	switch {
	case len(a.slots) == 0 && len(a.members) == 0 && (!isShallow(t) || isVarDecimal(t)):
		s.op, s.size = skipOp(t)
	case len(a.slots) == 0 && t.kind == kindRecord:
		s.op = opRecord
		s.sub, missing, err = p.row(t, a.members)
	default:
		s.op = readOp(t)
		missing = p.whole(plan, &s, a)
		err = p.collect(t)
	}
	plan.steps = append(plan.steps, s)
	return missing, err
}

// whole lets a step read a column into a slot; more slots for the column or its members take theirs from there.
func (p *planner) whole(plan *rowPlan, s *step, a asked) (missing []want) {
	if len(a.slots) == 0 {
		a.slots = []int32{p.hidden}
		p.hidden++
	}
	s.slot = a.slots[0]
	for _, more := range a.slots[1:] {
		plan.copies = append(plan.copies, copied{from: s.slot, to: more})
	}
	for _, m := range a.members {
		if !hasPath(s.typ, m.name, p.matcher) {
			missing = append(missing, m)
			continue
		}
		plan.copies = append(plan.copies, copied{from: s.slot, to: m.slot, path: m.name})
	}
	return missing
}

// hasPath reports whether a record can have that member; a map and JSON can have any.
func hasPath(t *typ, path string, m matcher) bool {
	t, _, _ = t.nullable()
	if t.kind != kindRecord {
		return mayHaveMembers(t)
	}
	head, rest, nested := strings.Cut(path, ".")
	i := m.find(t, head)
	return i >= 0 && (!nested || hasPath(t.fields[i].typ, rest, m))
}

func skipOp(t *typ) (opcode, int32) {
	switch t.kind {
	case kindInt, kindLong:
		return opSkipVarint, 0
	case kindString, kindBytes:
		return opSkipText, 0
	case kindFloat:
		return opSkipFixed, 4
	case kindDouble:
		return opSkipFixed, 8
	case kindFixed:
		return opSkipFixed, int32(t.size)
	case kindRecord:
		if isVarDecimal(t) {
			return opSkipDecimal, 0
		}
	case kindArray:
		if of, null, _ := t.items.nullable(); of.kind == kindString {
			return opSkipTexts, int32(null)
		}
	}
	return opSkip, 0
}

func readOp(t *typ) opcode {
	switch t.kind {
	case kindInt:
		return opInt
	case kindLong:
		return opLong
	case kindBool:
		return opBool
	case kindDouble:
		return opDouble
	case kindString:
		return opText
	case kindBytes:
		return opBytes
	}
	return opValue
}

// collect makes goavro's codecs for the parts of a wanted type that the plan does not read itself.
func (p *planner) collect(t *typ) error {
	switch {
	case p.noLeaves, readsItself(t), p.leaves[t] != nil:
		return nil
	case t.kind == kindUnion:
		for _, b := range t.branches {
			if err := p.collect(b); err != nil {
				return err
			}
		}
		return nil
	}
	codec, err := codecOf(t)
	p.leaves[t] = codec
	return err
}

// isShallow is true for a record of nothing but scalars: the hot loop passes over it faster than the cursor does.
func isShallow(t *typ) bool {
	return t.kind == kindRecord && !slices.ContainsFunc(t.fields, func(f field) bool {
		of, _, _ := f.typ.nullable()
		return of.kind >= kindArray
	})
}

// readsItself is true for primitives, their unions and lists, and the one record that is a number.
func readsItself(t *typ) bool {
	switch t.kind {
	case kindRecord:
		return isVarDecimal(t)
	case kindMap:
		return false
	case kindArray:
		return readsItself(t.items)
	case kindUnion:
		return !slices.ContainsFunc(t.branches, func(b *typ) bool { return !readsItself(b) })
	}
	return true
}

// isVarDecimal recognises Debezium's decimal of any scale in the form Debezium writes.
func isVarDecimal(t *typ) bool {
	return t.meaning == varDecimal && len(t.fields) == 2 && t.fields[0].name == "scale" && t.fields[0].typ.kind == kindInt &&
		t.fields[1].name == "value" && t.fields[1].typ.kind == kindBytes && t.fields[0].typ.meaning == plain &&
		t.fields[1].typ.meaning == plain
}
