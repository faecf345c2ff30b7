package segment

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

const (
	maxAudiences = 20  // of one row
	maxAudience  = 200 // bytes of the name a row gives
	minID        = 15  // digits: TikTok's ids have 18 or more, and nobody names an audience so
)

// claims appends the row's digests: each of its identifiers in each of its audiences. Kinds of which kept has the bit are left out.
func (m *Maker) claims(set []byte, kept byte) ([]byte, error) {
	if err := m.readAudiences(); err != nil {
		return set, err
	}
	m.digests.Placeholder = nil
	start := len(set)
	for i := range m.plan.members.Readers {
		if kept&(1<<m.plan.members.Readers[i].Kind) != 0 {
			continue
		}
		var err error
		if set, err = m.identify(set, &m.plan.members.Readers[i]); err != nil {
			return set, err
		}
	}
	if len(set) == start && kept == 0 && m.digests.Placeholder != nil && m.plan.cfg.RequireIdentifier {
		return set, m.digests.Placeholder
	}
	return set, nil
}

// ownAudience means the sync's own.
var ownAudience = [][]byte{nil}

func (m *Maker) readAudiences() (err error) {
	if m.plan.audience == nil {
		m.audiences = ownAudience
		return nil
	}
	if m.values, err = m.plan.audience.Values(m.row, m.values[:0]); err != nil {
		return err
	}
	m.audiences = m.audiences[:0]
	for _, v := range m.values {
		name := mapping.Trim(m.row.Text(v))
		if len(name) == 0 || identity.IsPlaceholder(name) || len(name) > maxAudience || m.plan.cfg.Audience.Row.By == "id" && !audience.IsID(string(name)) {
			return unknownAudience("an audience's " + m.plan.cfg.Audience.Row.By)
		}
		if m.redactor.Holds(name) || m.plan.audience.TookFrom(m.row, m.redactor.HoldsParameter) {
			return unknownAudience("an audience's name without an e-mail address or phone number: TikTok would show it")
		}
		if m.plan.cfg.Audience.Row.By == "name" && len(name) >= minID && audience.IsID(string(name)) {
			return unknownAudience("an audience's name: the row has what looks like an id, which needs `by: id`")
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

// identify appends the digests of one type of identifier.
func (m *Maker) identify(set []byte, id *member.Reader) ([]byte, error) {
	hashes, err := m.digests.Of(id, m.row)
	for _, h := range hashes {
		for _, name := range m.audiences {
			set = owners.AddDigest(set, id.Kind, name, h)
		}
	}
	return set, err
}
