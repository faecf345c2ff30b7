package audiencefile

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Maker makes lines of rows, in one goroutine.
type Maker struct {
	plan    *Plan
	row     *mapping.Row
	digests member.Digests
	lines   []byte
}

// Maker makes one for another goroutine.
func (p *Plan) Maker() *Maker { return &Maker{plan: p, row: mapping.NewRow(p.now)} }

// Lines appends the lines of the change's row: none for a row that is deleted or is not a member. Its error is a
// *pipeline.Rejection or pipeline.SkipNoIdentifier; then it has appended nothing.
func (m *Maker) Lines(dst []byte, c *pipeline.Change) ([]byte, error) {
	if c.Op == pipeline.Delete {
		return dst, nil
	}
	m.row.Begin(c)
	if member, err := m.plan.members.Includes(m.row); err != nil || !member {
		return dst, err
	}
	out := dst
	m.digests.Placeholder = nil
	for i := range m.plan.members.Readers {
		var err error
		if out, err = m.identify(out, len(dst), i); err != nil {
			return dst, err
		}
	}
	switch {
	case len(out) > len(dst):
		return out, nil
	case m.digests.Placeholder != nil && m.plan.cfg.RequireIdentifier:
		return dst, m.digests.Placeholder
	}
	return dst, m.plan.cfg.Nobody(section)
}

// Make appends what preview shows of the change: {"line":"…"} per line. Its error is a *pipeline.Rejection or a
// pipeline.SkipReason; then it has appended nothing.
func (m *Maker) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	m.digests.Notes = items.Notes
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
func (m *Maker) identify(lines []byte, start, i int) ([]byte, error) {
	id, layout := &m.plan.members.Readers[i], &m.plan.layout
	hashes, err := m.digests.Of(id, m.row)
	for _, h := range hashes {
		if start == len(lines) {
			lines = append(lines, make([]byte, layout.Width)...)
		}
		column := layout.Columns[i]
		h.AppendDigest(lines[start+column.At : start+column.At])
		if column.Empty(lines[start:]) {
			return lines, pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidIdentifier, id.Field, "a digest of something")
		}
		start += layout.Width
	}
	return lines, err
}
