package events

import (
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Consent is `consent`: the row's answer to whether its person may be told about, and which answers mean yes.
type Consent struct {
	Column  string   `yaml:"column" doc:"the column with the answer, or a list of what is allowed"`
	Path    string   `yaml:"path" doc:"a member inside a JSON or record column"`
	Expr    string   `yaml:"expr" doc:"an expression that gives the answer"`
	Grants  []string `yaml:"grants" doc:"answers that mean yes, whatever their case; what databases write for true if not set"`
	Limited []string `yaml:"limited" doc:"answers that mean yes with limited_data_use; limited if not set"`
}

func (c *Consent) field() *mapping.Field {
	return &mapping.Field{Column: c.Column, Path: c.Path, Expr: c.Expr}
}

func (c *Consent) validate(from source, at settings.Place) {
	c.field().Validate(at)
	if len(c.Limited) > 0 && from != 0 && from&limitable == 0 {
		at.Key("limited").Problem("TikTok limits the use of web and app events alone", "take it out: rows with such an answer are skipped")
	}
	for _, answer := range c.Grants {
		if containsFold(c.Limited, answer) {
			at.Key("limited").Problem("has an answer that grants has too", "put it into one of them")
		}
	}
}

// consentPlan is Consent, compiled; the nil *consentPlan asks nothing.
type consentPlan struct {
	get             *mapping.Getter
	grants, limited []string
}

func newConsentPlan(c *Consent, cols *mapping.Columns) *consentPlan {
	if c == nil {
		return nil
	}
	p := &consentPlan{get: c.field().Compile("consent", cols), grants: c.Grants, limited: c.Limited}
	if p.limited == nil {
		p.limited = []string{"limited"}
	}
	return p
}

// consents asks the row's consent and notes whether it is a limited one. A row without an answer is one without consent; one whose answer
// was not read is rejected.
func (m *Maker) consents() error {
	p := m.plan.consent
	if m.limited = false; p == nil {
		return nil
	}
	v, err := p.get.Value(m.row)
	if err != nil {
		return err
	}
	if v.Kind() == pipeline.Unavailable {
		return p.get.Reject(pipeline.UnavailableValueInRow, "an answer that was read from the database")
	}
	if m.values, err = p.get.Values(m.row, m.values[:0]); err != nil {
		return err
	}
	for _, v := range m.values {
		if p.grant(m.row, v) {
			m.limited = false
			return nil
		}
		m.limited = m.limited || containsFold(p.limited, alias(mapping.Trim(m.row.Text(v))))
	}
	if !m.limited {
		return pipeline.SkipNoConsent
	}
	return nil
}

func (p *consentPlan) grant(r *mapping.Row, v pipeline.Value) bool {
	if p.grants == nil {
		yes, ok := mapping.Truth(v)
		return ok && yes
	}
	return containsFold(p.grants, alias(mapping.Trim(r.Text(v))))
}

func containsFold(list []string, text string) bool {
	for _, known := range list {
		if strings.EqualFold(known, text) {
			return true
		}
	}
	return false
}
