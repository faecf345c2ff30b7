package audiencefile

import (
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// CheckTypes reports what a schema's columns say of the mapping: see member.CheckTypes.
func (c *Config) CheckTypes(k mapping.Kinds, at settings.Place) {
	member.CheckTypes(section, &c.Identifier, &c.Rules, k, at)
}
