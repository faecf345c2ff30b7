package segment

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Maker makes transitions of rows, in one goroutine.
type Maker struct {
	plan    *Plan
	row     *mapping.Row
	keyless bool            // rows need no key: preview's have none
	past    pipeline.Change // the row before its change, made to look like a row of today

	// Memory used again by every row.
	values    []pipeline.Value
	now, old  []byte
	audiences [][]byte
	digests   member.Digests
	redactor  identity.Redactor
}

// Maker makes one for another goroutine.
func (p *Plan) Maker() *Maker { return &Maker{plan: p, row: mapping.NewRow(p.now)} }

// transitions is the envelope of what a Maker makes: transitions, which Sink.Deliver turns into calls.
var transitions = []byte("transition")

// Make appends the row's transition as one item. Its error is a *pipeline.Rejection or a pipeline.SkipReason; then it
// has appended nothing.
func (m *Maker) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	t, err := m.transition(c)
	if err != nil {
		return err
	}
	start := int32(len(items.Buf))
	items.Buf = t.appendTo(items.Buf)
	items.List = append(items.List, pipeline.Item{
		Row: int32(row), Start: start, End: int32(len(items.Buf)), Envelope: items.EnvelopeIndex(transitions),
	})
	return nil
}

func (m *Maker) transition(c *pipeline.Change) (t transition, err error) {
	if m.plan.remembers && len(c.Key) == 0 && !m.keyless {
		return t, pipeline.Reject(pipeline.StageMap, pipeline.InvalidDeliveryKey, "", "a record key that names the member")
	}
	t.created = c.Op == pipeline.Insert || c.Op == pipeline.Snapshot
	t.oldKnown = t.created || c.BeforeComplete && c.Before.Present && !c.KeyRow
	if !m.plan.remembers && !t.oldKnown {
		return t, pipeline.Reject(pipeline.StageMap, pipeline.BeforeImageIncomplete, "", "a complete image of the row before its change")
	}
	unchanged := c.Op == pipeline.Update && t.oldKnown && sameRow(&c.Before, &c.After)
	if t.oldKnown && !t.created && !unchanged {
		m.old = m.before(c)
		t.old = m.old
	}
	if c.Op == pipeline.Delete {
		return t, nil
	}
	m.row.Begin(c)
	if err = m.present(&t); unchanged { // most updates of a table: hashing once will do
		t.old = t.now
	}
	return t, err
}

// sameRow reports whether both images hold the same in every column the sync reads. Lists count as different: looking into
// them costs more than it saves.
func sameRow(a, b *pipeline.Image) bool {
	if len(a.Values) != len(b.Values) {
		return false
	}
	for i := range a.Values {
		if !sameValue(a.Values[i], b.Values[i]) {
			return false
		}
	}
	return true
}

func sameValue(a, b pipeline.Value) bool {
	return a.Kind() == b.Kind() && a.Elems() == nil && b.Elems() == nil &&
		a.Int() == b.Int() && a.Scale() == b.Scale() && bytes.Equal(a.Bytes(), b.Bytes())
}

// present is what the row is now. A row that is not a member is not looked at further: an opt-out counts, whatever else is
// wrong with the row.
func (m *Maker) present(t *transition) (err error) {
	if t.member, err = m.plan.members.Includes(m.row); err != nil || !t.member {
		return err
	}
	if m.now, err = m.claims(m.now[:0]); err != nil {
		return err
	}
	t.now = m.now
	if len(t.now) == 0 && m.isUseless(t) {
		return member.NoIdentifier(section)
	}
	return nil
}

// isUseless reports whether a member without identifiers has no past either, as far as can be known without memory.
func (m *Maker) isUseless(t *transition) bool { return !m.plan.remembers && len(t.old) == 0 }

// before is the claims of the row before its change. What cannot be read there was rejected then and never sent.
func (m *Maker) before(c *pipeline.Change) []byte {
	m.past = pipeline.Change{Op: pipeline.Update, Shape: c.Shape, After: c.Before, Key: c.Key, Source: c.Source}
	m.row.Begin(&m.past)
	if member, err := m.plan.members.Includes(m.row); err != nil || !member {
		return m.old[:0]
	}
	old, err := m.claims(m.old[:0])
	if err != nil {
		return m.old[:0]
	}
	return old
}
