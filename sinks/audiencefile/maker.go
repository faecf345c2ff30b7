package audiencefile

import (
	"cmp"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Maker makes lines of rows, in one goroutine.
type Maker struct {
	plan   *Plan
	row    *mapping.Row
	values []pipeline.Value
	lines  []byte
	nobody *member.Nobody // of the row at hand: the first placeholder among its identifiers
}

// Maker makes one for another goroutine.
func (p *Plan) Maker() *Maker { return &Maker{plan: p, row: mapping.NewRow(p.now)} }

// Lines appends the lines of the change's row: none for a row that is deleted or no member. Its error is a
// *pipeline.Rejection; then it has appended nothing. A row that is no member is not looked at further: an opt-out counts,
// whatever else is wrong with the row.
func (m *Maker) Lines(dst []byte, c *pipeline.Change) ([]byte, error) {
	if c.Op == pipeline.Delete {
		return dst, nil
	}
	m.row.Begin(c)
	if m.plan.member != nil {
		if member, err := m.plan.member.True(m.row, "member_when"); err != nil || !member {
			return dst, err
		}
	}
	out := dst
	m.nobody = nil
	for i := range m.plan.ids {
		var err error
		if out, err = m.identify(out, len(dst), i); err != nil {
			return dst, err
		}
	}
	switch {
	case len(out) > len(dst):
	case m.nobody != nil:
		return dst, m.nobody.Rejection
	default:
		return dst, pipeline.Reject(pipeline.StageIdentity, pipeline.NoIdentifier, "identifier", "at least one of the mapped identifiers")
	}
	return out, nil
}

// Make appends what preview shows of the change: {"line":"…"} per line. Its error is a *pipeline.Rejection or a
// pipeline.SkipReason; then it has appended nothing.
func (m *Maker) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	lines, err := m.Lines(m.lines[:0], c)
	if err != nil {
		return err
	}
	if m.lines = lines; len(lines) == 0 {
		return pipeline.SkipNotMember
	}
	for len(lines) > 0 {
		start := int32(len(items.Buf))
		items.Buf = append(items.Buf, `{"line":"`...)
		items.Buf = m.plan.layout.AppendText(items.Buf, lines[:m.plan.layout.Width])
		items.Buf = append(items.Buf, `"}`...)
		items.List = append(items.List, pipeline.Item{Row: int32(row), Start: start, End: int32(len(items.Buf)), Envelope: items.EnvelopeIndex(nil)})
		lines = lines[m.plan.layout.Width:]
	}
	return nil
}

// identify puts the identifiers of one type into the lines that begin at start: the first of each type into the first
// line, the second into the second. TikTok knows sets of identifiers, not persons, so it does not matter who shares a line.
func (m *Maker) identify(lines []byte, start, i int) (_ []byte, err error) {
	id, c := &m.plan.ids[i], m.plan.layout.Columns[i]
	if m.values, err = id.Values(m.row, m.values[:0]); err != nil {
		return lines, err
	}
	for _, v := range m.values {
		h, err := id.Hash(m.row, v)
		if nobody, ok := err.(*member.Nobody); ok {
			m.nobody = cmp.Or(m.nobody, nobody)
			continue
		}
		if err != nil {
			return lines, err
		}
		if h.IsZero() {
			continue
		}
		if start == len(lines) {
			lines = append(lines, make([]byte, m.plan.layout.Width)...)
		}
		h.AppendDigest(lines[start+c.At : start+c.At])
		if c.Empty(lines[start:]) {
			return lines, pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidIdentifier, id.Field, "a digest of something")
		}
		start += m.plan.layout.Width
	}
	return lines, nil
}
