package daemon

import (
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// validateAudiences refuses two syncs that fill one audience: each would take out what the other puts in. That a name and an id,
// or what rows name, are one audience shows only at the start (audience.Claim).
func (c *Config) validateAudiences(at settings.Place) {
	first := map[[3]string]int{}
	for i := range c.Syncs {
		for _, of := range c.Syncs[i].audiences() {
			before, taken := first[of]
			if !taken {
				first[of] = i
				continue
			}
			c.sameAudience(at, i, before)
			c.sameAudience(at, before, i)
			break
		}
	}
}

// sameAudience reports it at a sync.
func (c *Config) sameAudience(at settings.Place, i, other int) {
	place := at.Key("syncs").Index(i).Key("audience_segment")
	if c.Syncs[i].AudienceFile != nil {
		place = at.Key("syncs").Index(i).Key("audience_file")
	}
	place.Key("audience").Problem("is the audience of sync "+c.Syncs[other].Name+" too, and each would take out what the other puts in",
		"give one of them another audience, or have one sync read the topics of both (topics)")
}

// audiences tell apart what the sync fills, as far as the configuration says: advertiser, name or id, and which. Streamed and
// file audiences of one name are two.
func (s *Sync) audiences() (list [][3]string) {
	if !s.IsAudience() {
		return nil
	}
	name, id := s.AudienceNamed()
	what, how := audience.Shortened(name), s.Kind()
	if id != "" {
		what, how = id, "id"
	}
	for _, advertiser := range s.Advertisers() {
		if what != "" {
			list = append(list, [3]string{advertiser, how, what})
		}
	}
	return list
}
