package segment

import (
	"cmp"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

const (
	maxAudiences = 20  // of one row
	maxAudience  = 200 // bytes of the name a row gives
)

// claims appends the row's claims: each of its identifiers in each of its audiences.
func (m *Maker) claims(set []byte) ([]byte, error) {
	if err := m.readAudiences(); err != nil {
		return set, err
	}
	m.nobody = nil
	start := len(set)
	for i := range m.ids {
		var err error
		if set, err = m.identify(set, &m.ids[i]); err != nil {
			return set, err
		}
	}
	if len(set) == start && m.nobody != nil {
		return set, m.nobody.Rejection
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
func (m *Maker) identify(set []byte, id *member.Reader) (_ []byte, err error) {
	if m.values, err = id.Values(m.row, m.values[:0]); err != nil {
		return set, err
	}
	for _, v := range m.values {
		h, err := id.Hash(m.row, v)
		if nobody, ok := err.(*member.Nobody); ok {
			m.nobody = cmp.Or(m.nobody, nobody)
			continue
		}
		if err != nil {
			return set, err
		}
		for _, audience := range m.audiences {
			if !h.IsZero() {
				set = appendClaim(set, id.Kind, audience, h)
			}
		}
	}
	return set, nil
}
