package events

import (
	"errors"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// phonePlan reads the country that national numbers of a row belong to.
type phonePlan struct {
	mode     identity.Mode
	country  *mapping.Getter
	fallback identity.Country
}

func (p *Plan) compileIdentity(s *step, f FieldConfig, cols *mapping.Columns) {
	h, c := &p.cfg.Hash, &p.cfg
	switch s.spec.name {
	case "user.email":
		s.hasher = identity.Email{Mode: mode(h.Email), StripPlusTag: c.StripPlusTag, StripDots: c.StripDots}
	case "user.phone":
		compilePhone(s, f, mode(h.Phone), cols)
	case "user.external_id":
		s.hasher = identity.ExternalID{Mode: mode(h.ExternalID), Lowercase: c.LowercaseExternalID}
	case "user.first_name":
		s.hasher = identity.Name{Mode: mode(h.FirstName)}
	case "user.last_name":
		s.hasher = identity.Name{Mode: mode(h.LastName)}
	case "user.zip_code":
		s.hasher = identity.ZipCode{Mode: mode(h.ZipCode)}
	case "user.idfa":
		s.hasher = identity.DeviceID{Mode: mode(h.IDFA), Upper: true}
	case "user.gaid":
		s.hasher = identity.DeviceID{Mode: mode(h.GAID)}
	}
}

// mode reads what the configuration's enum has checked.
func mode(text string) identity.Mode {
	m, _ := identity.ParseMode(text)
	return m
}

func compilePhone(s *step, f FieldConfig, m identity.Mode, cols *mapping.Columns) {
	if f.Country == nil || f.Country.Column == "" {
		phone := identity.Phone{Mode: m}
		if f.Country != nil {
			phone.Country, _ = identity.ParseCountry([]byte(f.Country.Code))
		}
		s.hasher = phone
		return
	}
	column := mapping.Named(f.Country.Column)
	fallback, _ := identity.ParseCountry([]byte(f.Country.Default))
	s.phone = &phonePlan{mode: m, country: column.Compile(s.spec.name+".default_country", cols), fallback: fallback}
}

// identifiers appends one digest, or an array of several different ones.
func (m *Maker) identifiers(dst []byte, s *step) (_ []byte, err error) {
	if v, ok := s.get.Single(m.row); ok {
		return m.oneHash(dst, s, v)
	}
	if m.values, err = s.get.Values(m.row, m.values[:0]); err != nil {
		return dst, err
	}
	var hashes [maxIdentifiers]identity.Hash
	n := 0
	for _, v := range m.values {
		var hash identity.Hash
		err := m.hash(&hash, s, v)
		switch {
		case err != nil:
			return dst, err
		case hash.IsZero():
			continue
		case slices.Contains(hashes[:n], hash):
			m.notes.Add(s.spec.name, pipeline.LeftOut, "it is there twice")
			continue
		case n == len(hashes):
			return dst, pipeline.Reject(pipeline.StageIdentity, pipeline.TooManyElements, s.spec.name, "at most 10 different values")
		}
		hashes[n] = hash
		n++
		m.keep(s, &hash)
	}
	return appendHashes(dst, hashes[:n]), nil
}

func appendHashes(dst []byte, hashes []identity.Hash) []byte {
	switch len(hashes) {
	case 0:
		return dst
	case 1:
		return appendHash(dst, &hashes[0])
	}
	for i := range hashes {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		dst = appendHash(append(dst, separator), &hashes[i])
	}
	return append(dst, ']')
}

func appendHash(dst []byte, h *identity.Hash) []byte {
	return append(h.AppendHex(append(dst, '"')), '"')
}

func (m *Maker) oneHash(dst []byte, s *step, v pipeline.Value) ([]byte, error) {
	var hash identity.Hash
	if err := m.hash(&hash, s, v); err != nil || hash.IsZero() {
		return dst, err
	}
	m.keep(s, &hash)
	return appendHash(dst, &hash), nil
}

// keep keeps what a person's rows can be found by, where that is wanted.
func (m *Maker) keep(s *step, h *identity.Hash) {
	if m.digests && s.matchKey&identifying != 0 {
		n := len(m.persons)
		m.persons = h.AppendDigest(m.persons)[:n+pipeline.DigestPrefix]
	}
}

// vendorID appends an id that TikTok takes in clear.
func (m *Maker) vendorID(dst []byte, s *step, v pipeline.Value) ([]byte, error) {
	if reason := notText(v); reason != "" {
		return dst, pipeline.Reject(pipeline.StageIdentity, reason, s.spec.name, textRule(reason))
	}
	clear, start := m.row.Text(v), len(dst)
	dst, err := identity.VendorID{}.Append(append(dst, '"'), clear)
	if err != nil || len(dst) == start+1 {
		return dst[:start], m.settle(s, err)
	}
	m.noteVendor(s, clear, dst[start+1:])
	return append(dst, '"'), nil
}

// hash normalises and hashes one identifier.
func (m *Maker) hash(into *identity.Hash, s *step, v pipeline.Value) (err error) {
	if v.Kind() != pipeline.String { // of text, identity itself asks what notText would
		if reason := notText(v); reason != "" {
			return pipeline.Reject(pipeline.StageIdentity, reason, s.spec.name, textRule(reason))
		}
	}
	clear := m.row.Text(v)
	if s.phone != nil {
		*into, err = m.localPhone(s.phone).Hash(clear)
	} else {
		*into, err = s.hasher.Hash(clear)
	}
	if m.notes != nil && s.spec.name == "user.phone" {
		m.notePhone(s, clear)
	}
	return m.settle(s, err)
}

// settle makes a rejection of the rule that an identifier breaks. A placeholder is left out instead: it counts only where
// the row has no other identifier.
func (m *Maker) settle(s *step, err error) error {
	rule, ok := errors.AsType[identity.Rule](err)
	switch {
	case err == nil:
		return nil
	case !ok || !rule.Nobody():
		return identity.Reject(s.spec.name, err)
	case m.placeholder == nil && s.matchKey&identifying != 0:
		m.placeholder = identity.Reject(s.spec.name, err)
	}
	m.notes.Add(s.spec.name, pipeline.LeftOut, rule.Error())
	return nil
}

// localPhone is the kind of phone of this row's country. A country that cannot be read is the sync's, if it has one.
func (m *Maker) localPhone(p *phonePlan) identity.Phone {
	phone := identity.Phone{Mode: p.mode, Country: p.fallback}
	if v, err := p.country.Value(m.row); err == nil && missing(v) == "" && notText(v) == "" {
		phone.SetCountry(m.row.Text(v))
	}
	return phone
}
