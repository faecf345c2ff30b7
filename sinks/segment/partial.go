package segment

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Rows of changed columns (pipeline.Change.Partial): the owner of a row fills in what it leaves out, of what it remembers.

// ofChanged is what a row of changed columns says of its person now. Of two things it must know neither or both: the audiences
// that rows name and the identifiers; one column of member_when and the others. Its error is a *pipeline.Rejection.
func (m *Maker) ofChanged(t *says) (err error) {
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
	if t.kept, err = m.unchanged(); err != nil || t.kept == owners.AllKinds {
		return err
	}
	m.now, err = m.claims(m.now[:0], t.kept)
	t.now = m.now
	return err
}

// believe says of a row that was rejected if it is a member, as far as it tells: a row that corrects it may hold its identifier alone.
func (m *Maker) believe(c *pipeline.Change, t *says) {
	m.row.Begin(c)
	some, all := m.plan.members.Unchanged(m.row)
	in, err := m.plan.members.Includes(m.row)
	t.asWas = !c.After.Present || some || all || err != nil
	t.member = !t.asWas && in
	t.keep = true
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
		kept = owners.AllKinds
	}
	return kept, nil
}

func unavailable(field string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, field, "a row that holds all it needs, or none of it")
}
