package segment

import (
	"bytes"
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Maker makes of rows what they say, in one goroutine.
type Maker struct {
	plan *Plan
	row  *mapping.Row
	past pipeline.Change // the row before its change, made to look like a row of today

	// Memory used again by every row.
	values          []pipeline.Value
	now, old, other []byte
	audiences       [][]byte
	digests         member.Digests
	redactor        identity.Redactor
}

// Maker makes one for another goroutine.
func (p *Plan) Maker() *Maker { return &Maker{plan: p, row: mapping.NewRow(p.now)} }

// assertion is the envelope of what a Maker makes, which Sink.Deliver takes.
var assertion = []byte("assertion")

// Make appends what the row says as one item. Its error is a *pipeline.Rejection; then it has appended nothing.
func (m *Maker) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	t, err := m.says(c)
	if err != nil {
		return err
	}
	t.add(items, row)
	return nil
}

// Leave appends what a row says that was rejected or filtered: it is not a member. One that was rejected because a value was not read
// from the database leaves its member as it is, for that value has not changed.
func (m *Maker) Leave(items *pipeline.Items, row int, c *pipeline.Change, why error) {
	if len(c.Key) > 0 {
		t := m.leaving(c, why)
		t.add(items, row)
	}
}

func (m *Maker) leaving(c *pipeline.Change, why error) (t says) {
	r, isRejected := errors.AsType[*pipeline.Rejection](why)
	if isRejected && r.Reason == pipeline.UnavailableValueInRow {
		return says{asWas: true, kept: owners.AllKinds}
	}
	t.filtered = !isRejected
	if isRejected && m.plan.changed {
		m.believe(c, &t)
	}
	m.before(c, &t)
	return t
}

func (t *says) add(items *pipeline.Items, row int) {
	start := int32(len(items.Buf))
	items.Buf = t.appendTo(items.Buf)
	items.List = append(items.List, pipeline.Item{
		Row: int32(row), Start: start, End: int32(len(items.Buf)), Envelope: items.EnvelopeIndex(assertion),
	})
}

// Lacks is why a row that a Maker made an item of is no member now: a pipeline.SkipReason, or a *pipeline.Rejection. Nil: it is one.
func (p *Plan) Lacks(body []byte) error {
	t := readSays(body)
	switch {
	case !t.member:
		return pipeline.SkipNotMember
	case len(t.now) == 0 && t.kept == 0:
		return p.cfg.Nobody(section)
	}
	return nil
}

// DigestsIn are the digests by which a row is a member, in the item that a Maker made of it.
func DigestsIn(body []byte) []byte { return readSays(body).now }

// AppendMember appends the body of an item that says by which digests a row is a member, and with none that it is not.
func AppendMember(dst, digests []byte) []byte {
	t := says{member: len(digests) > 0, now: digests}
	return t.appendTo(dst)
}

func (m *Maker) says(c *pipeline.Change) (t says, err error) {
	if len(c.Key) == 0 {
		return t, pipeline.Reject(pipeline.StageMap, pipeline.InvalidDeliveryKey, "", "a record key that names the member")
	}
	t.created = c.Op == pipeline.Insert || c.Op == pipeline.Snapshot
	t.keep = m.plan.changed
	if c.Op == pipeline.Delete {
		m.before(c, &t)
		return t, nil
	}
	m.row.Begin(c)
	if c.Partial {
		err = m.ofChanged(&t)
	} else {
		err = m.present(&t)
	}
	if err == nil && (c.Op != pipeline.Update || !sameRow(&c.Before, &c.After)) { // most updates of a table change nothing that counts here
		m.before(c, &t)
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
func (m *Maker) present(t *says) (err error) {
	if t.member, err = m.plan.members.Includes(m.row); err != nil || !t.member {
		return err
	}
	if m.now, err = m.claims(m.now[:0], 0); err != nil {
		return err
	}
	t.now = m.now
	if len(t.now) == 0 && m.plan.cfg.RequireIdentifier {
		return member.NoIdentifier(section)
	}
	return nil
}

// before reads the digests of all that is known of the row before its change: TikTok may hold them since before anything was
// remembered of the row. Those that the row still has are left out.
func (m *Maker) before(c *pipeline.Change, t *says) {
	if t.created || !c.BeforeComplete || !c.Before.Present || c.KeyRow {
		return
	}
	m.old = m.beforeIn(m.old[:0], c, &c.Before)
	if c.Older.Present {
		m.old = m.beforeIn(m.old, c, &c.Older)
	}
	m.other = m.other[:0]
	for d, rest := owners.Next(m.old); d != nil; d, rest = owners.Next(rest) {
		if !owners.Holds(t.now, d) {
			m.other = append(m.other, d...)
		}
	}
	t.before = m.other
}

// beforeIn appends the digests of an image, as far as they can be read: one that cannot must not make the others stay.
func (m *Maker) beforeIn(old []byte, c *pipeline.Change, image *pipeline.Image) []byte {
	m.past = pipeline.Change{Op: pipeline.Update, Shape: c.Shape, After: *image, Key: c.Key, Source: c.Source}
	m.row.Begin(&m.past)
	if in, err := m.plan.members.Includes(m.row); err == nil && !in || m.readAudiences() != nil {
		return old
	}
	for i := range m.plan.members.Readers {
		old, _ = m.identify(old, &m.plan.members.Readers[i])
	}
	return old
}
