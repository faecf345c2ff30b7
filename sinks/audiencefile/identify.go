package audiencefile

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

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
	return pipeline.Reject(pipeline.StageIdentity, reasonOf(rule), field, rule.Error())
}

func reasonOf(rule identity.Rule) pipeline.Reason {
	switch rule {
	case identity.RuleNotAnEmail:
		return pipeline.InvalidEmail
	case identity.RuleNotE164, identity.RuleNoCountry:
		return pipeline.InvalidPhone
	case identity.RuleAlreadyHashed:
		return pipeline.AlreadyHashed
	case identity.RuleNotHashed:
		return pipeline.NotHashed
	case identity.RuleKnownEmptyDigest:
		return pipeline.EmptyDigest
	case identity.RuleTooLong:
		return pipeline.TooLong
	case identity.RuleInvalidUTF8:
		return pipeline.InvalidText
	}
	return pipeline.InvalidIdentifier
}
