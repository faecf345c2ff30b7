package daemon

import (
	"cmp"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// ColumnOf is the source's column that a field of a rejection is mapped from, several with commas between; "" where it is not mapped
// from one.
func (s *Sync) ColumnOf(field string) string {
	if column, ok := strings.CutPrefix(field, "column "); ok {
		return column
	}
	switch {
	case s.WebEvents != nil:
		return columnsOf(s.WebEvents.Fields[field].Field)
	case s.AudienceSegment != nil:
		return identifierColumn(&s.AudienceSegment.Identifiers, field)
	case s.AudienceFile != nil:
		return identifierColumn(&s.AudienceFile.Identifier, field)
	}
	return ""
}

func identifierColumn(i *member.Identifiers, field string) string {
	return columnsOf(map[string]mapping.Field{"EMAIL_SHA256": i.Email, "PHONE_SHA256": i.Phone, "IDFA_SHA256": i.IDFA, "IDFA_MD5": i.IDFA5,
		"GAID_SHA256": i.GAID, "GAID_MD5": i.GAID5}[field[strings.LastIndex(field, ".")+1:]])
}

func columnsOf(f mapping.Field) string { return cmp.Or(f.Column, strings.Join(f.Columns, ",")) }
