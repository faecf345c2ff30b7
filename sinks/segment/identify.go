package segment

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

const (
	maxPerType   = 10  // identifiers of one type in a row
	maxAudiences = 20  // of one row
	maxAudience  = 200 // bytes of the name a row gives
)

// claims appends the row's claims: each of its identifiers in each of its audiences.
func (m *Maker) claims(set []byte) ([]byte, error) {
	if err := m.readAudiences(); err != nil {
		return set, err
	}
	for i := range m.ids {
		var err error
		if set, err = m.identify(set, &m.ids[i]); err != nil {
			return set, err
		}
	}
	return set, nil
}

// ownAudience stands for the sync's own.
var ownAudience = [][]byte{nil}

func (m *Maker) readAudiences() (err error) {
	if m.audience == nil {
		m.audiences = ownAudience
		return nil
	}
	if m.values, err = m.audience.Values(m.row, m.values[:0]); err != nil {
		return err
	}
	m.audiences = m.audiences[:0]
	for _, v := range m.values {
		name := mapping.Trim(m.row.Text(v))
		if len(name) == 0 || len(name) > maxAudience || m.cfg.Audience.Row.By == "id" && !isID(string(name)) {
			return unknownAudience("an audience's " + m.cfg.Audience.Row.By)
		}
		m.audiences = append(m.audiences, name)
	}
	if len(m.audiences) == 0 || len(m.audiences) > maxAudiences {
		return unknownAudience("1 to 20 audiences")
	}
	return nil
}

func unknownAudience(rule string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageMap, pipeline.UnknownAudience, "audience", rule)
}

// identify appends the claims of one type of identifier.
func (m *Maker) identify(set []byte, id *idPlan) (_ []byte, err error) {
	if m.values, err = id.get.Values(m.row, m.values[:0]); err != nil {
		return set, err
	}
	if len(m.values) > maxPerType {
		return set, pipeline.Reject(pipeline.StageIdentity, pipeline.TooManyElements, id.field, "at most 10 values")
	}
	if len(m.values) == 0 {
		return set, m.unavailable(id)
	}
	for _, v := range m.values {
		h, err := m.hash(id, v)
		if err != nil {
			return set, err
		}
		for _, audience := range m.audiences {
			if !h.IsZero() {
				set = appendClaim(set, id.kind, audience, h)
			}
		}
	}
	return set, nil
}

// unavailable rejects a row whose identifier is there but was not read from the database: taking it for absent would
// remove it.
func (m *Maker) unavailable(id *idPlan) error {
	if v, err := id.get.Value(m.row); err == nil && v.Kind() == pipeline.Unavailable {
		return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, id.field, "a value read from the database")
	}
	return nil
}

func (m *Maker) hash(id *idPlan, v pipeline.Value) (h identity.Hash, err error) {
	switch v.Kind() {
	case pipeline.String, pipeline.JSON, pipeline.Int, pipeline.Decimal:
	default:
		return h, pipeline.Reject(pipeline.StageIdentity, pipeline.WrongType, id.field, "text")
	}
	clear := m.row.Text(v)
	if id.country != nil {
		h, err = m.phoneOf(id).Hash(clear)
	} else {
		h, err = id.hasher.Hash(clear)
	}
	if err != nil {
		return h, refused(id.field, err)
	}
	return h, nil
}

// phoneOf is the kind of phone of this row's country. A country that cannot be read is the sync's.
func (m *Maker) phoneOf(id *idPlan) identity.Phone {
	phone := id.phone
	if v, err := id.country.Value(m.row); err == nil && v.Kind() == pipeline.String {
		if country, ok := identity.ParseCountry(mapping.Trim(m.row.Text(v))); ok {
			phone.Country = country
		}
	}
	return phone
}

// refused turns the rule an identifier breaks into the row's rejection.
func refused(field string, err error) *pipeline.Rejection {
	rule, ok := err.(identity.Rule)
	if !ok {
		return pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidIdentifier, field, err.Error())
	}
	reason, listed := reasons[rule]
	if !listed {
		reason = pipeline.InvalidIdentifier
	}
	return pipeline.Reject(pipeline.StageIdentity, reason, field, rule.Error())
}

// reasons are the reasons of rules; of those not listed it is InvalidIdentifier.
var reasons = map[identity.Rule]pipeline.Reason{
	identity.RuleNotAnEmail:       pipeline.InvalidEmail,
	identity.RuleNotE164:          pipeline.InvalidPhone,
	identity.RuleNoCountry:        pipeline.InvalidPhone,
	identity.RuleAlreadyHashed:    pipeline.AlreadyHashed,
	identity.RuleNotHashed:        pipeline.NotHashed,
	identity.RuleKnownEmptyDigest: pipeline.EmptyDigest,
	identity.RuleTooLong:          pipeline.TooLong,
	identity.RuleInvalidUTF8:      pipeline.InvalidText,
}
