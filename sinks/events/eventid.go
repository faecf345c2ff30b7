package events

import (
	"slices"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

type idPlan struct {
	keep    bool            // the id may hold personal data
	get     *mapping.Getter // the id itself
	names   []string        // or the columns it is a digest of, sorted; nil for all
	columns []int
	digest  mapping.Digest // copied for each Maker
}

func newIDPlan(id EventID, cols *mapping.Columns) idPlan {
	switch {
	case id.Field != nil:
		return idPlan{get: id.Field.Compile("event_id", cols), keep: id.Field.Redact == "keep"}
	case id.Columns == nil:
		return idPlan{digest: cols.Digest()}
	}
	p := idPlan{names: slices.Compact(slices.Sorted(slices.Values(id.Columns)))}
	for _, name := range p.names {
		p.columns = append(p.columns, cols.Index(name))
	}
	return p
}

// makeID puts the row's event id into m.eventID.
func (m *Maker) makeID(c *pipeline.Change) error {
	m.eventID = m.eventID[:0]
	switch {
	case m.plan.id.get != nil:
		return m.idOfField()
	case m.plan.id.names == nil:
		m.eventID = m.digest.All(m.eventID, c)
	case m.allPlaceholders(c.Row()):
		return invalid(pipeline.InvalidEventID, "event_id", placeholderID)
	default:
		m.eventID = m.digest.Of(m.eventID, c, m.plan.id.names, m.plan.id.columns)
	}
	if len(m.eventID) == 0 {
		return invalid(pipeline.InvalidEventID, "event_id", "a value in at least one of its columns")
	}
	return nil
}

// placeholderID is the rule for ids that many rows would share: TikTok keeps the first event of an id and drops the others.
const placeholderID = "an id of the row's own: a placeholder such as null or n/a makes many events one"

// allPlaceholders reports whether the texts in the id's columns are placeholders, and nothing else is in them.
func (m *Maker) allPlaceholders(image *pipeline.Image) bool {
	placeholders := 0
	for _, i := range m.plan.id.columns {
		switch v := image.Value(i); {
		case mapping.IsBlank(v) || v.Kind() == pipeline.Unavailable:
		case v.Kind() == pipeline.String && identity.IsPlaceholder(mapping.Trim(v.Bytes())):
			placeholders++
		default:
			return false
		}
	}
	return placeholders > 0
}

func (m *Maker) idOfField() error {
	v, err := m.plan.id.get.Value(m.row)
	if err != nil {
		return err
	}
	if reason := missing(v); reason != "" {
		return invalid(idReason(reason), "event_id", "a value in every row")
	}
	id, err := m.plainText(m.plan.id.get, v)
	if err != nil {
		return err
	}
	if utf8.RuneCount(id) > maxEventID {
		return invalid(pipeline.InvalidEventID, "event_id", "at most 128 characters")
	}
	if identity.IsPlaceholder(id) {
		return invalid(pipeline.InvalidEventID, "event_id", placeholderID)
	}
	if !m.plan.id.keep && (m.redactor.Holds(id) || m.plan.id.get.TookFrom(m.row, m.redactor.HoldsParameter)) {
		return invalid(pipeline.PersonalData, "event_id", "an id without an e-mail address or phone number: name its columns instead, {columns: […]}, or set `redact: keep`")
	}
	m.eventID = append(m.eventID, id...)
	return nil
}

func idReason(reason pipeline.Reason) pipeline.Reason {
	if reason == pipeline.RequiredField {
		return pipeline.InvalidEventID
	}
	return reason
}
