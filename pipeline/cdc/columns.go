package cdc

import (
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// columns makes the shape of a row: the wanted columns, then, if all are asked for, every other one. It returns what the
// plan has to read, and notes which columns are missing.
func (k *compiler) columns(p *program, row *avro.Type, flat bool) []avro.Want {
	m := avro.Matcher{Fold: k.cfg.CaseInsensitive}
	names, present := slices.Clone(k.wanted.Columns), []int32{}
	taken := make([]bool, len(row.Fields))
	for slot, name := range k.wanted.Columns {
		if i := m.Find(row, name); i >= 0 && !taken[i] {
			taken[i] = true
			present = append(present, int32(slot))
		}
	}
	for i := range row.Fields {
		if k.wanted.All && !taken[i] && !(flat && isMetadata(row.Fields[i].Name)) {
			present = append(present, int32(len(names)))
			names = append(names, row.Fields[i].Name)
		}
	}
	slices.SortFunc(present, func(a, b int32) int { return strings.Compare(names[a], names[b]) })
	p.shape = &pipeline.Shape{Names: names, Sorted: present}
	wants := wantsOf(names)
	p.missing = k.missing(row, m)
	if k.cfg.MissingColumn == missingNull {
		p.nulls = slices.DeleteFunc(slices.Clone(k.wanted.Columns), func(name string) bool { return hasColumn(row, name, m) })
	}
	return wants
}

// isMetadata tells the fields Debezium adds to a flattened row from the table's columns. They differ when the same change
// is written again, so they are not part of "all columns".
func isMetadata(name string) bool { return strings.HasPrefix(name, "__") }

func wantsOf(names []string) []avro.Want {
	wants := make([]avro.Want, len(names))
	for i, n := range names {
		wants[i] = avro.Want{Name: n, Slot: int32(i)}
	}
	return wants
}

// missing lists the wanted columns the row's schema does not have, as far as the configuration minds.
func (k *compiler) missing(row *avro.Type, m avro.Matcher) (missing []string) {
	for i, name := range k.wanted.Columns {
		mind := k.cfg.MissingColumn == missingReject || k.cfg.MissingColumn == missingStop ||
			k.cfg.MissingColumn == missingDefault && !k.wanted.optional(i)
		if mind && !hasColumn(row, name, m) {
			missing = append(missing, name)
		}
	}
	for _, name := range k.noneOf(row, m) {
		if !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// noneOf lists the columns of fields that can do without each of them, but not without all.
func (k *compiler) noneOf(row *avro.Type, m avro.Matcher) (missing []string) {
	if k.cfg.MissingColumn != missingDefault {
		return nil // minds every column, or none
	}
	for _, names := range k.wanted.AnyOf {
		if !slices.ContainsFunc(names, func(name string) bool { return hasColumn(row, name, m) }) {
			missing = append(missing, names...)
		}
	}
	return missing
}

func hasColumn(row *avro.Type, name string, m avro.Matcher) bool {
	if m.Find(row, name) >= 0 {
		return true
	}
	head, rest, nested := strings.Cut(name, ".")
	i := m.Find(row, head)
	return nested && i >= 0 && avro.HasPath(row.Fields[i].Type, rest, m)
}
