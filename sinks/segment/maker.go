package segment

import (
	"bytes"
	"errors"

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
	t.add(items, row)
	return nil
}

// Leave appends the transition of a row that was rejected or filtered: it is not a member. One that was rejected because a value was
// not read from the database leaves its member as it is, for that value has not changed.
func (m *Maker) Leave(items *pipeline.Items, row int, c *pipeline.Change, why error) {
	if t, ok := m.leaving(c, why); ok && (len(t.old) > 0 || m.plan.remembers && len(c.Key) > 0) {
		t.add(items, row)
	}
}

func (m *Maker) leaving(c *pipeline.Change, why error) (t transition, ok bool) {
	r, isRejected := errors.AsType[*pipeline.Rejection](why)
	if isRejected && r.Reason == pipeline.UnavailableValueInRow {
		return t, false
	}
	t.filtered = !isRejected
	if t.oldKnown = c.BeforeComplete && c.Before.Present && !c.KeyRow; t.oldKnown {
		m.before(c, &t)
	}
	if isRejected && m.plan.changed {
		m.believe(c, &t)
	}
	return t, true
}

func (t *transition) add(items *pipeline.Items, row int) {
	start := int32(len(items.Buf))
	items.Buf = t.appendTo(items.Buf)
	items.List = append(items.List, pipeline.Item{
		Row: int32(row), Start: start, End: int32(len(items.Buf)), Envelope: items.EnvelopeIndex(transitions),
	})
}

// Try is Make for looking at rows one by one: that of a person who is no member, now, is skipped, whatever is remembered.
func (m *Maker) Try(items *pipeline.Items, row int, c *pipeline.Change) error {
	t, err := m.transition(c)
	switch {
	case err != nil:
		return err
	case !t.member:
		return pipeline.SkipNotMember
	case len(t.now) == 0 && t.kept == 0:
		return m.plan.cfg.Nobody(section)
	}
	return m.Make(items, row, c)
}

func (m *Maker) transition(c *pipeline.Change) (t transition, err error) {
	if m.plan.remembers && len(c.Key) == 0 && !m.keyless {
		return t, pipeline.Reject(pipeline.StageMap, pipeline.InvalidDeliveryKey, "", "a record key that names the member")
	}
	t.created = c.Op == pipeline.Insert || c.Op == pipeline.Snapshot
	t.oldKnown = t.created || c.BeforeComplete && c.Before.Present && !c.KeyRow
	if !m.plan.remembers && (!t.oldKnown || c.Partial) {
		return t, pipeline.Reject(pipeline.StageMap, pipeline.BeforeImageIncomplete, "", "a complete image of the row before its change")
	}
	unchanged := c.Op == pipeline.Update && t.oldKnown && sameRow(&c.Before, &c.After)
	if t.oldKnown && !t.created && !unchanged {
		m.before(c, &t)
	}
	if c.Op == pipeline.Delete {
		return t, nil
	}
	m.row.Begin(c)
	if c.Partial {
		return t, m.ofChanged(&t)
	}
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
	if m.now, err = m.claims(m.now[:0], 0); err != nil {
		return err
	}
	t.now = m.now
	if len(t.now) == 0 && m.isUseless(t) {
		return m.plan.cfg.Nobody(section)
	}
	return nil
}

// isUseless reports whether a member without identifiers has no past either, as far as can be known without memory.
func (m *Maker) isUseless(t *transition) bool { return !m.plan.remembers && len(t.old) == 0 }

// before reads the claims of all that is known of the row before its change.
func (m *Maker) before(c *pipeline.Change, t *transition) {
	m.old = m.beforeIn(m.old[:0], c, &c.Before, t)
	if c.Older.Present {
		m.old = m.beforeIn(m.old, c, &c.Older, t)
	}
	t.old = m.old
}

// beforeIn appends the claims of an image, as far as they can be read: one that cannot must not make the others stay.
func (m *Maker) beforeIn(old []byte, c *pipeline.Change, image *pipeline.Image, t *transition) []byte {
	m.past = pipeline.Change{Op: pipeline.Update, Shape: c.Shape, After: *image, Key: c.Key, Source: c.Source}
	m.row.Begin(&m.past)
	member, err := m.plan.members.Includes(m.row)
	t.doubtful = t.doubtful || err != nil
	if err == nil && !member || m.readAudiences() != nil {
		return old
	}
	for i := range m.plan.members.Readers {
		old, err = m.identify(old, &m.plan.members.Readers[i])
		t.doubtful = t.doubtful || err != nil
	}
	return old
}
