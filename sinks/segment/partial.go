package segment

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Rows of changed columns (pipeline.Change.Partial): what is remembered of a member fills in what its row leaves out.

// allKinds are the bits of transition.kept.
const allKinds = 1<<member.Kinds - 1

// ofChanged is what a row of changed columns says of its person now. Of two things it must know neither or both: the audiences
// that rows name and the identifiers; one column of member_when and the others. Its error is a *pipeline.Rejection.
func (m *Maker) ofChanged(t *transition) (err error) {
	some, all := m.plan.members.Unchanged(m.row)
	switch {
	case all:
		t.member, t.asWas = true, true
	case some:
		return unavailable("member_when")
	default:
		if t.member, err = m.plan.members.Includes(m.row); err != nil || !t.member {
			return err
		}
	}
	if t.kept, err = m.unchanged(); err != nil || t.kept == allKinds {
		return err
	}
	m.now, err = m.claims(m.now[:0], t.kept)
	t.now = m.now
	return err
}

// believe says of a row that was rejected if it is a member, as far as it tells: a row that corrects it may hold its identifier alone.
func (m *Maker) believe(c *pipeline.Change, t *transition) {
	m.row.Begin(c)
	some, all := m.plan.members.Unchanged(m.row)
	in, err := m.plan.members.Includes(m.row)
	t.asWas = !c.After.Present || some || all || err != nil
	t.belongs = !t.asWas && in
}

// unchanged are the kinds of identifiers whose columns did not change; all of them where nothing of the claims did.
func (m *Maker) unchanged() (kept byte, err error) {
	readers := m.plan.members.Readers
	n := 0
	for i := range readers {
		same, err := readers[i].Unchanged(m.row)
		if err != nil {
			return 0, err
		}
		if same {
			kept |= 1 << readers[i].Kind
			n++
		}
	}
	if m.plan.audience != nil {
		switch some, _ := m.plan.audience.Unchanged(m.row); {
		case some != (n > 0), some && n < len(readers):
			return 0, unavailable("audience")
		}
	}
	if n == len(readers) {
		kept = allKinds
	}
	return kept, nil
}

func unavailable(field string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, field, "a row that holds all it needs, or none of it")
}

// complete adds to a row of changed columns what its member had before it: the claims had, of a member or not.
func (f *flush) complete(r *rowPlan, member bool, had []byte) {
	f.fillIn(r, member, had)
	r.lacking = r.member && r.kept != 0 && len(r.now) == 0 && !member
	r.was = r.member || r.belongs || r.asWas && member
}

func (f *flush) fillIn(r *rowPlan, member bool, had []byte) {
	switch {
	case r.kept == 0 && !r.asWas:
		return
	case r.asWas && !member:
		r.member, r.now = false, nil
		return
	}
	start := len(f.sets)
	f.sets = append(f.sets, r.now...)
	for c, rest := next(had); r.member && c != nil; c, rest = next(rest) {
		if r.kept&(1<<kindOf(c)) != 0 && !holds(f.sets[start:], c) {
			f.sets = append(f.sets, c...)
		}
	}
	r.now = f.sets[start:len(f.sets):len(f.sets)]
}
