package avro

import (
	"slices"
	"strings"

	"github.com/linkedin/goavro/v2"
)

// Want is a wanted column, or a path into one, and the slot for its value.
type Want struct {
	Name string
	Slot int32
}

// Planner compiles plans of one writer schema.
type Planner struct {
	Dialect *Dialect
	Matcher Matcher
	leaves  map[*Type]*goavro.Codec // made once for the rows of one record, which share the planner or come from Beside
	Hidden  int32                   // the next free slot behind those asked for

	NoLeaves bool // the rows are JSON: goavro has no part in them
}

// NewPlanner plans rows whose columns are found as matcher does.
func NewPlanner(d *Dialect, matcher Matcher) *Planner {
	return &Planner{Dialect: d, Matcher: matcher, leaves: map[*Type]*goavro.Codec{}}
}

// Beside plans another part of the same record, with slots of its own that begin with hidden ones.
func (p *Planner) Beside(hidden int32) *Planner {
	return &Planner{Dialect: p.Dialect, leaves: p.leaves, Hidden: hidden}
}

// asked is what is wanted of one field.
type asked struct {
	slots   []int32 // the whole column
	members []Want  // within it
}

// Row compiles a plan for a record. It returns the wants the record has no column for.
func (p *Planner) Row(record *Type, wants []Want) (*Plan, []Want, error) {
	plan := &Plan{dialect: p.Dialect, leaves: p.leaves, Record: record}
	fields, missing := p.share(record, wants)
	for i := range record.Fields {
		gone, err := p.field(plan, &record.Fields[i], fields[i])
		if err != nil {
			return nil, nil, err
		}
		missing = append(missing, gone...)
	}
	for _, w := range missing {
		plan.absent = append(plan.absent, w.Slot)
	}
	for _, w := range wants {
		plan.slots = append(plan.slots, w.Slot)
	}
	return plan, missing, nil
}

// share gives every want to the field it is about. "address.city" is a column of that name, or the member of a column.
func (p *Planner) share(record *Type, wants []Want) (fields []asked, missing []Want) {
	fields = make([]asked, len(record.Fields))
	for _, w := range wants {
		if i := p.Matcher.Find(record, w.Name); i >= 0 {
			fields[i].slots = append(fields[i].slots, w.Slot)
			continue
		}
		head, rest, nested := strings.Cut(w.Name, ".")
		if i := p.Matcher.Find(record, head); nested && i >= 0 && HasMembers(record.Fields[i].Type) {
			fields[i].members = append(fields[i].members, Want{rest, w.Slot})
			continue
		}
		missing = append(missing, w)
	}
	return fields, missing
}

func HasMembers(t *Type) bool {
	t, _, _ = t.Nullable()
	return mayHaveMembers(t) || t.Kind == KindRecord && t.Meaning == Plain
}

// mayHaveMembers is true for values of which only the row says what they hold: maps and JSON. A plain text may be JSON that
// its producer did not mark, as the text payloads of outboxes are.
func mayHaveMembers(t *Type) bool {
	return t.Kind == KindMap || t.Kind == KindAny || t.Meaning == JSONText || t.Kind == KindString && t.Meaning == Plain
}

// field adds the step for one field.
func (p *Planner) field(plan *Plan, f *Field, a asked) (missing []Want, err error) {
	t, null, _ := f.Type.Nullable()
	s := Step{Null: int8(null), Type: t, Field: f, Slot: -1, Meaning: t.Meaning}
	switch {
	case len(a.slots) == 0 && len(a.members) == 0 && (!isShallow(t) || isVarDecimal(t)):
		s.Op, s.Size = SkipOp(t)
	case len(a.slots) == 0 && t.Kind == KindRecord:
		s.Op = opRecord
		s.sub, missing, err = p.Row(t, a.members)
	default:
		s.Op = readOp(t)
		missing = p.whole(plan, &s, a)
		err = p.collect(t)
	}
	plan.Steps = append(plan.Steps, s)
	return missing, err
}

// whole lets a step read a column into a slot; more slots for the column or its members take theirs from there.
func (p *Planner) whole(plan *Plan, s *Step, a asked) (missing []Want) {
	if len(a.slots) == 0 {
		a.slots = []int32{p.Hidden}
		p.Hidden++
	}
	s.Slot = a.slots[0]
	for _, more := range a.slots[1:] {
		plan.copies = append(plan.copies, copied{from: s.Slot, to: more})
	}
	for _, m := range a.members {
		if !HasPath(s.Type, m.Name, p.Matcher) {
			missing = append(missing, m)
			continue
		}
		plan.copies = append(plan.copies, copied{from: s.Slot, to: m.Slot, path: m.Name})
	}
	return missing
}

// HasPath reports whether a record can have that member; a map and JSON can have any.
func HasPath(t *Type, path string, m Matcher) bool {
	t, _, _ = t.Nullable()
	if t.Kind != KindRecord {
		return mayHaveMembers(t)
	}
	head, rest, nested := strings.Cut(path, ".")
	i := m.Find(t, head)
	return i >= 0 && (!nested || HasPath(t.Fields[i].Type, rest, m))
}

func SkipOp(t *Type) (Opcode, int32) {
	switch t.Kind {
	case KindInt, KindLong:
		return opSkipVarint, 0
	case KindString, KindBytes:
		return opSkipText, 0
	case KindFloat:
		return opSkipFixed, 4
	case KindDouble:
		return opSkipFixed, 8
	case KindFixed:
		return opSkipFixed, int32(t.Size)
	case KindRecord:
		if isVarDecimal(t) {
			return opSkipDecimal, 0
		}
	case KindArray:
		if of, null, _ := t.Items.Nullable(); of.Kind == KindString {
			return opSkipTexts, int32(null)
		}
	}
	return opSkip, 0
}

func readOp(t *Type) Opcode {
	switch t.Kind {
	case KindInt:
		return opInt
	case KindLong:
		return opLong
	case KindBool:
		return opBool
	case KindDouble:
		return opDouble
	case KindString:
		return opText
	case KindBytes:
		return opBytes
	}
	return opValue
}

// collect makes goavro's codecs for the parts of a wanted type that the plan does not read itself.
func (p *Planner) collect(t *Type) error {
	switch {
	case p.NoLeaves, readsItself(t), p.leaves[t] != nil:
		return nil
	case t.Kind == KindUnion:
		for _, b := range t.Branches {
			if err := p.collect(b); err != nil {
				return err
			}
		}
		return nil
	}
	codec, err := CodecOf(t)
	p.leaves[t] = codec
	return err
}

// isShallow is true for a record of nothing but scalars: the hot loop passes over it faster than the cursor does.
func isShallow(t *Type) bool {
	return t.Kind == KindRecord && !slices.ContainsFunc(t.Fields, func(f Field) bool {
		of, _, _ := f.Type.Nullable()
		return of.Kind >= KindArray
	})
}

// readsItself is true for primitives, their unions and lists, and the one record that is a number.
func readsItself(t *Type) bool {
	switch t.Kind {
	case KindRecord:
		return isVarDecimal(t)
	case KindMap:
		return false
	case KindArray:
		return readsItself(t.Items)
	case KindUnion:
		return !slices.ContainsFunc(t.Branches, func(b *Type) bool { return !readsItself(b) })
	}
	return true
}

// isVarDecimal recognises Debezium's decimal of any scale in the form Debezium writes.
func isVarDecimal(t *Type) bool {
	return t.Meaning == VarDecimal && len(t.Fields) == 2 && t.Fields[0].Name == "scale" && t.Fields[0].Type.Kind == KindInt &&
		t.Fields[1].Name == "value" && t.Fields[1].Type.Kind == KindBytes && t.Fields[0].Type.Meaning == Plain &&
		t.Fields[1].Type.Meaning == Plain
}
