package daemon

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// validateAudiences refuses two syncs that fill one audience in two ways: each would take out what the other puts in. Streamed ones may
// fill it together. That a name and an id, or what rows name, are one audience shows only at the start (audience.Claim).
func (c *Config) validateAudiences(at settings.Place) {
	first := map[[3]string]int{}
	for i := range c.Syncs {
		for _, of := range c.Syncs[i].audiences() {
			before, taken := first[of]
			if !taken {
				first[of] = i
				continue
			}
			if c.Syncs[i].fillsWith(&c.Syncs[before]) {
				continue
			}
			c.sameAudience(at, i, before)
			c.sameAudience(at, before, i)
			break
		}
	}
}

// fillsWith reports whether both syncs stream to the same audiences, of the same advertisers: a person leaves when none wants
// them.
func (s *Sync) fillsWith(other *Sync) bool {
	return s.Kind() == KindSegment && other.Kind() == KindSegment && slices.Equal(s.Advertisers(), other.Advertisers())
}

// sameAudience reports it at a sync.
func (c *Config) sameAudience(at settings.Place, i, other int) {
	place := at.Key("syncs").Index(i).Key("audience_segment")
	if c.Syncs[i].AudienceFile != nil {
		place = at.Key("syncs").Index(i).Key("audience_file")
	}
	place.Key("audience").Problem("is the audience of sync "+c.Syncs[other].Name+" too, and each would take out what the other puts in",
		"give one of them another audience, or stream both to the same advertisers (advertiser_ids)")
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

// leaseMargin is what a session lasts longer than a call: a commit that renews the lease of digests is one second old, and Kafka takes
// a moment.
const leaseMargin = 5 * time.Second

// validateOwners refuses what the owners of audiences cannot work with: a call that may outlast the session in which its digest is
// owned, and two names that are one to them.
func (c *Config) validateOwners(at settings.Place) {
	named := map[owners.Tag]string{}
	for i := range c.Syncs {
		s := &c.Syncs[i]
		if s.Kind() != KindSegment {
			continue
		}
		name, connection := c.ConnectionOf(s)
		if timeout := connection.Timeout.Std(); c.Kafka.SessionTimeout.Std() < timeout+leaseMargin {
			at.Key("kafka").Key("session_timeout").Problem("must be at least 5s longer than connections."+name+".timeout, for sync "+s.Name+" streams to an audience",
				"a call must have ended before Kafka gives what it is about to another instance")
		}
		tag := owners.TagOf(s.Name)
		if other, taken := named[tag]; taken && other != s.Name {
			at.Key("syncs").Index(i).Key("name").Problem("is too much like the name of sync "+other, "their short forms are the same: choose another name")
		}
		named[tag] = s.Name
	}
}
