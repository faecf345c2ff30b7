package events

import (
	"bytes"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// What a preview is told of a row beside its item. Where rows are sent, m.notes is nil and none of this costs anything.

func (m *Maker) noteDefault(field string, get *mapping.Getter) {
	if m.notes != nil && get.FellBack(m.row) {
		m.notes.Add(field, pipeline.Defaulted, "the row has no value")
	}
}

// noteSource tells where a field's value is from, if not from its column.
func (m *Maker) noteSource(s *step) {
	if m.notes == nil {
		return
	}
	if m.sent == nil {
		m.sent = map[string]bool{}
	}
	m.sent[s.spec.name] = true
	switch {
	case s.computed:
		m.notes.Add(s.spec.name, pipeline.Elsewhere, "it is computed from the products")
	default:
		m.noteDefault(s.spec.name, s.get)
	}
}

func (m *Maker) noteInvalid(s *step, what string, rejection *pipeline.Rejection) {
	if m.notes != nil {
		m.notes.Add(s.spec.name, what, "it must be "+rejection.Rule)
	}
}

// noteOutOfPlace tells of a value whose field is not for events such as the row's.
func (m *Maker) noteOutOfPlace(s *step) {
	if m.notes == nil || s.get == nil {
		return
	}
	v, err := s.get.Value(m.row)
	switch {
	case err != nil || missing(v) != "":
	case s.spec.sources&m.from == 0:
		m.notes.Add(s.spec.name, pipeline.LeftOut, "TikTok does not take it for "+m.from.name()+" events")
	default:
		m.notes.Add(s.spec.name, pipeline.LeftOut, "it says nothing without the value it belongs to")
	}
}

func (m *Maker) noteSpelling(s *step, clean []byte, sent string) {
	if m.notes != nil && string(clean) != sent {
		m.notes.Add(s.spec.name, pipeline.Changed, "it is spelled as TikTok does")
	}
}

// notePlace tells what became of a place; quoted is what is sent.
func (m *Maker) notePlace(s *step, clean, quoted []byte) {
	isCountry := s.spec.name == "user.country"
	switch sent := bytes.Trim(quoted, `"`); {
	case m.notes == nil || bytes.Equal(clean, sent):
	case len(sent) == 0 && isCountry:
		m.notes.Add(s.spec.name, pipeline.LeftOut, "it is not a country's code or name")
	case len(sent) == 0:
		m.notes.Add(s.spec.name, pipeline.LeftOut, "nothing of it is a letter or digit that TikTok takes")
	case isCountry:
		m.notes.Add(s.spec.name, pipeline.Changed, "it is sent as the country's code of two letters")
	default:
		m.notes.Add(s.spec.name, pipeline.Changed, "it is sent in lower case, without accents, blanks and signs")
	}
}

func (m *Maker) noteIP(s *step, clean, public []byte) {
	switch {
	case m.notes == nil || bytes.Equal(clean, public):
	case bytes.IndexByte(clean, ',') >= 0:
		m.notes.Add(s.spec.name, pipeline.Changed, "it is the first public address of several")
	default:
		m.notes.Add(s.spec.name, pipeline.Changed, "it is written in the usual form")
	}
}

// notePhone tells of a number whose digits are not those that the row has.
func (m *Maker) notePhone(s *step, clear []byte) {
	phone, _ := s.hasher.(identity.Phone)
	if s.phone != nil {
		phone = m.localPhone(s.phone)
	}
	if phone.Corrects(clear) {
		m.notes.Add(s.spec.name, pipeline.Changed, identity.NoteCorrected)
	}
}

func (m *Maker) noteVendor(s *step, clear, sent []byte) {
	if m.notes != nil && !bytes.Equal(clear, sent) {
		m.notes.Add(s.spec.name, pipeline.Changed, "it is sent as Apple writes it: in upper case, without blanks")
	}
}

// zoneless are the kinds of times that say nothing of a zone.
var zoneless = []pipeline.Kind{pipeline.Local, pipeline.Date}

func (m *Maker) noteTime(v pipeline.Value) {
	if m.notes == nil {
		return
	}
	m.noteDefault(timeField, m.plan.time)
	if slices.Contains(zoneless, v.Kind()) {
		m.notes.Add(timeField, pipeline.Changed, "it has no zone, and is read in the field's timezone: UTC if not set")
	}
}

// unmappedIDs are what shops call a product's id.
var unmappedIDs = []string{"id", "sku", "product_id", "variant_id"}

// otherID is the name of a product's id that is not mapped, for a note, else the one before.
func (m *Maker) otherID(s *step, name, before string) string {
	if m.notes == nil || slices.Contains(s.products.names[:], name) {
		return before
	}
	if i := slices.Index(unmappedIDs, name); i >= 0 {
		return unmappedIDs[i]
	}
	return before
}

// noteMoney tells of a value without a currency.
func (m *Maker) noteMoney() {
	if m.notes != nil && m.sent["properties.value"] && !m.sent["properties.currency"] {
		m.notes.Add("properties.value", pipeline.Doubtful, "it has no currency: TikTok expects properties.currency with it")
	}
}

func (m *Maker) noteMeant(name *event) {
	m.notes.Add("event", pipeline.Doubtful, "it is sent as an event of your own: if "+name.meant+" is meant, map it in event.map")
}
