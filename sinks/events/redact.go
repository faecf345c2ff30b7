package events

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// redaction is what becomes of personal data in a field that is sent in clear. The zero redaction looks for none.
type redaction struct {
	on, rejects bool
	count       prometheus.Counter // nil counts nothing
}

// isClear reports whether a field of the kind takes the row's own words and sends them in clear.
func (k kind) isClear() bool {
	switch k {
	case text, texts, ownText, webAddress, referrer, place, contents, brands, anything:
		return true
	}
	return false
}

func newRedaction(k kind, field, redact string, m *Metrics) redaction {
	if !k.isClear() || redact == "keep" {
		return redaction{}
	}
	return redaction{on: true, rejects: redact == "reject", count: m.redactionsOf(field)}
}

// of is the redaction of a product's member; where the product is in columns, each may say its own.
func (r redaction) of(member kind, f mapping.Field) redaction {
	if !member.isClear() || f.Redact == "keep" {
		return redaction{}
	}
	r.rejects = r.rejects || f.Redact == "reject"
	return r
}

const noPersonalData = "no e-mail address or phone number in clear: take it out, or set `redact` on the field"

// redact takes addresses and phone numbers out of a text that is sent in clear. Nothing is left of one that would be no identifier or
// place any more.
func (m *Maker) redact(s *step, clean []byte) ([]byte, error) {
	masked, found := m.masked(s.spec.kind, clean)
	if !found {
		return clean, nil
	}
	rejection := invalid(pipeline.PersonalData, s.spec.name, noPersonalData)
	if s.redaction.rejects || m.mustHave(s) && s.spec.kind != webAddress {
		return nil, rejection
	}
	if s.redaction.count != nil {
		s.redaction.count.Inc()
	}
	if s.spec.kind != place && s.matchKey&identifying == 0 {
		m.notes.Add(s.spec.name, pipeline.Redacted, "it holds an e-mail address or a phone number")
		return masked, nil
	}
	m.notes.Add(s.spec.name, pipeline.LeftOut, "it holds an e-mail address or a phone number")
	if m.placeholder == nil && s.matchKey&identifying != 0 {
		m.placeholder = rejection
	}
	return nil, nil
}

func (m *Maker) masked(k kind, clean []byte) ([]byte, bool) {
	if k == webAddress || k == referrer {
		return m.redactor.URL(clean)
	}
	return m.redactor.Text(clean)
}

// validateRedact checks where personal data is looked for, and what may become of it.
func validateRedact(k kind, f *mapping.Field, at settings.Place) {
	if f.Redact != "" && !k.isClear() {
		at.Problem("is for texts and URLs that are sent in clear", "take it out: the field is hashed, or takes no free text")
	}
}
