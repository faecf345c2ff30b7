package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// schema compares what a sync maps with the newest schemas of a topic: with several record types there is one for each.
func (u *checkup) schema(ctx context.Context, f *daemon.Flow, topic string) {
	found := false
	for _, subject := range f.Sync.Subjects(topic) {
		src, err := u.registry.Latest(ctx, subject)
		if err != nil {
			u.fail("schema "+subject, err.Error(), "correct the schema, or the registry's address and credentials")
			return
		}
		if src == nil {
			continue
		}
		found = true
		for _, finding := range schemaFindings(f, "schema "+subject, src) {
			u.emit(finding)
		}
	}
	if !found {
		u.warn("schema "+topic+"-value", "the registry has no such subject",
			"fine with JSON values; with another naming strategy name the record types in `records`; the newest rows are tried below")
	}
}

// schemaFindings are what the sync finds in a writer schema: its mapped columns and their types, and what will be rejected
// and why. Of a union at the root every type with rows has its own.
func schemaFindings(f *daemon.Flow, what string, src *avro.Source) (findings []Finding) {
	all, err := cdc.Inspect(f.Sync.Config, f.Wanted, src)
	if err != nil {
		return []Finding{{Fail, what, "cannot be used: " + err.Error(), "its rows are rejected as schema_unreadable: correct the schema"}}
	}
	rows := slices.DeleteFunc(slices.Clone(all), func(in *cdc.Inspection) bool { return !in.IsRow() })
	if len(rows) == 0 {
		return []Finding{{Warn, what, "holds no rows: " + all[len(all)-1].What, "see whether the topic is the right one for sync " + f.Sync.Name}}
	}
	for _, in := range rows {
		of := what
		if len(all) > 1 {
			of += " (" + in.Record + ")"
		}
		findings = append(findings, typeFindings(f, of, src, in)...)
	}
	return findings
}

// typeFindings are those of one record type of a schema.
func typeFindings(f *daemon.Flow, what string, src *avro.Source, in *cdc.Inspection) []Finding {
	findings := columnFindings(f, what, src, in)
	findings = append(findings, kindFindings(f, in)...)
	findings = append(findings, idFindings(f, in)...)
	findings = append(findings, imageFindings(f, what, in)...)
	if rule, hint := f.OldRows(); rule != "" && (in.Connector == "postgresql" || in.What == "row") {
		findings = append(findings, Finding{Warn, "sync " + f.Sync.Name, rule, hint})
	}
	return findings
}

// imageFindings are what the sync has to be told of a connector's changes.
func imageFindings(f *daemon.Flow, what string, in *cdc.Inspection) (findings []Finding) {
	if in.Misplaced {
		findings = append(findings, Finding{Fail, what, "holds changes, which say themselves what happened, and operation is for plain rows: the sync stops at the first one",
			"take operation out of sync " + f.Sync.Name + ", or set format: flat"})
	}
	if in.Untold && f.Wanted.Sent(pipeline.Update) {
		findings = append(findings, Finding{Warn, what, "is of connector " + in.Connector + ", which may write changed columns alone: the sync stops at the first update with a NULL in a mapped column",
			"set after_image of sync " + f.Sync.Name + ": changed, or full if its rows are whole"})
	}
	return findings
}

// columnFindings are the mapped columns that a schema has.
func columnFindings(f *daemon.Flow, what string, src *avro.Source, in *cdc.Inspection) []Finding {
	var have, there, optional []string
	for _, c := range in.Columns {
		have = append(have, c.Name)
	}
	for _, c := range in.Mapped {
		if c.Type != "" {
			there = append(there, describeColumn(c))
		} else if !slices.Contains(in.Missing, c.Name) {
			optional = append(optional, c.Name)
		}
	}
	findings := []Finding{{OK, what, fmt.Sprintf("version with id %s has %d of the %d mapped column(s): %s", src.ID, len(there), len(in.Mapped), strings.Join(there, ", ")), ""}}
	if len(in.Missing) > 0 {
		findings = append(findings, Finding{Fail, what, "has no column " + strings.Join(in.Missing, ", ") + ": " + missingMeans(f),
			nearColumns(in.Missing, have) + "correct the mapping of sync " + f.Sync.Name + "; the schema has: " + strings.Join(have, ", ")})
	}
	if len(optional) > 0 {
		findings = append(findings, Finding{Warn, what, "has no column " + strings.Join(optional, ", ") + ": taken for NULL", nearColumns(optional, have) + "take it out of the mapping, or correct its name"})
	}
	return findings
}

// nearColumns asks for the columns that were probably meant.
func nearColumns(missing, have []string) (words string) {
	for _, name := range missing {
		if near := settings.Nearest(name, have); near != "" {
			words += "did you mean " + near + " for " + name + "? "
		}
	}
	return words
}

// missingMeans is what becomes of rows without a column that is not optional.
func missingMeans(f *daemon.Flow) string {
	if f.Sync.MissingColumn == "reject" {
		return "every row is rejected (missing_column: reject)"
	}
	return "the sync stops at the first row (missing_column: stop)"
}

func describeColumn(c cdc.Column) string {
	if c.Nullable {
		return c.Name + " " + c.Type + " or NULL"
	}
	return c.Name + " " + c.Type
}

// idFindings are the columns of a schema that make event ids which do not last.
func idFindings(f *daemon.Flow, in *cdc.Inspection) []Finding {
	for _, c := range in.Columns {
		if f.Wanted.All && mapping.LooksLikeLoad(c.Name) {
			f.Loads.Add(c.Name)
		}
	}
	return loadFindings(f)
}

// loadFindings are what the flow has found so far of columns that change with each load.
func loadFindings(f *daemon.Flow) (list []Finding) {
	for _, name := range f.Loads.Names() {
		list = append(list, Finding{Warn, "sync " + f.Sync.Name, "column " + name + " " + daemon.LoadRule, daemon.LoadCure})
	}
	return list
}

// kindFindings are the mapped columns and expressions that cannot do what the configuration wants of them.
func kindFindings(f *daemon.Flow, in *cdc.Inspection) (findings []Finding) {
	kinds := mapping.Kinds{}
	for _, c := range in.Mapped {
		kinds[c.Name] = mapping.Known{Kind: c.Kind, Nullable: c.Nullable && c.Type != ""} // that it is gone was reported before
	}
	report := &settings.Report{}
	checkTypes(f.Sync, kinds, settings.Root(report))
	for _, p := range report.Problems() {
		state := Fail
		if p.Warning {
			state = Warn
		}
		findings = append(findings, Finding{state, "sync " + f.Sync.Name, p.Path + ": " + p.Rule, p.Hint})
	}
	return findings
}

// checkTypes asks the sync's sink, and its condition, about a schema's columns.
func checkTypes(s *daemon.Sync, k mapping.Kinds, at settings.Place) {
	k.CheckTypes(s.When, at.Key("when"))
	switch s.Kind() {
	case daemon.KindEvents:
		s.WebEvents.CheckTypes(k, at.Key("web_events"))
	case daemon.KindSegment:
		s.AudienceSegment.CheckTypes(k, at.Key("audience_segment"))
	case daemon.KindFile:
		s.AudienceFile.CheckTypes(k, at.Key("audience_file"))
	}
}
