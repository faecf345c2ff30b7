package daemon

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Origins are the fields that the sync maps, and where their values come from.
func (s *Sync) Origins() []events.Mapped {
	switch {
	case s.WebEvents != nil:
		return s.WebEvents.Origins()
	case s.AudienceSegment != nil:
		return ofIdentifiers("identifiers", &s.AudienceSegment.Identifiers, s.MemberWhen())
	case s.AudienceFile != nil:
		return ofIdentifiers("identifier", &s.AudienceFile.Identifier, s.MemberWhen())
	}
	return nil
}

// MemberWhen is the condition of an audience's members; "" where there is none.
func (s *Sync) MemberWhen() string {
	switch {
	case s.AudienceSegment != nil:
		return s.AudienceSegment.MemberWhen
	case s.AudienceFile != nil:
		return s.AudienceFile.MemberWhen
	}
	return ""
}

func ofIdentifiers(section string, i *member.Identifiers, when string) (list []events.Mapped) {
	all := i.Origins()
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		list = append(list, events.Mapped{Field: section + "." + kind.Name(), Origin: all[kind]})
	}
	if when != "" {
		list = append(list, events.Mapped{Field: "member_when", Origin: mapping.OfCondition(when)})
	}
	return list
}

// OriginOf is where the value of a field comes from that a rejection names; false for what is not mapped.
func (s *Sync) OriginOf(field string) (mapping.Origin, bool) {
	column, isColumn := strings.CutPrefix(field, "column ")
	switch {
	case isColumn:
		return mapping.OfColumns([]string{column}), true
	case field == "when" && s.When != "":
		return mapping.OfCondition(s.When), true
	case field == "audience" && s.AudienceSegment != nil && s.AudienceSegment.Audience.Row != nil:
		return s.AudienceSegment.Audience.Row.Origin(), true
	case s.WebEvents != nil:
		return s.WebEvents.OriginOf(field)
	}
	for _, mapped := range s.Origins() {
		if mapped.Field == field {
			return mapped.Origin, true
		}
	}
	return mapping.Origin{}, false
}

// ProductMembers are what the members of products that are sent in clear are called in rows.
func (s *Sync) ProductMembers() map[string]bool {
	if s.WebEvents == nil {
		return nil
	}
	return s.WebEvents.ProductMembers()
}

// columns gives the columns that a field of a rejection is mapped from, with commas between; "" where it is mapped from none. It remembers
// them: a wrong column rejects rows by the thousand. It may be called from several goroutines.
func (s *Sync) columns() func(field string) string {
	var known sync.Map
	return func(field string) string {
		if columns, ok := known.Load(field); ok {
			return columns.(string)
		}
		o, _ := s.OriginOf(field)
		columns := strings.Join(o.Columns, ",")
		known.Store(field, columns)
		return columns
	}
}
