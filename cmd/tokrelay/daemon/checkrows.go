package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// triedRows is how many rows of a sync are tried.
const triedRows = 100

// rows compares what a sync maps with the newest schemas, then tries the newest rows: that shows types, keys, and what
// would be rejected.
func (u *checkup) rows(ctx context.Context, s *Sync, registered bool) {
	what := "sync " + s.Name
	f, err := u.checkFlow(s)
	if err != nil {
		u.failed(what, err)
		return
	}
	topics, err := s.topics(ctx, u.admin)
	if err != nil {
		return // said before
	}
	for _, topic := range topics {
		if registered && s.Framing.Style != "json" {
			u.columns(ctx, f, topic)
		}
	}
	u.try(ctx, f, what)
}

func (u *checkup) columns(ctx context.Context, f *Flow, topic string) {
	subject := topic + "-value"
	src, err := u.registry.Latest(ctx, subject)
	switch {
	case err != nil:
		u.fail("schema "+subject, err.Error(), "correct the schema, or the registry's address and credentials")
		return
	case src == nil:
		u.warn("schema "+subject, "the registry has no such subject", "fine with another naming strategy, or JSON values; the newest rows are tried below")
		return
	}
	have := columnsOf(src.Text)
	missing, optional := missingColumns(f, have)
	switch {
	case have == nil:
		u.warn("schema "+subject, "it is no record, so that its columns are not known", "see whether the topic is the right one")
	case len(missing) > 0:
		u.fail("schema "+subject, "has no column "+strings.Join(missing, ", "), "correct the mapping of sync "+f.Sync.Name+"; the schema has: "+strings.Join(have, ", "))
	case len(optional) > 0:
		u.warn("schema "+subject, "has no column "+strings.Join(optional, ", ")+"; the mapping can do without", "take it out of the mapping, or correct its name")
	default:
		u.ok("schema "+subject, fmt.Sprintf("version with id %s has the %d mapped column(s)", src.ID, len(f.Wanted.Columns)))
	}
}

// missingColumns are mapped columns that the schema lacks: those that stop rows, and those that do not.
func missingColumns(f *Flow, have []string) (missing, optional []string) {
	for i, name := range f.Wanted.Columns {
		first, _, _ := strings.Cut(name, ".")
		if slices.ContainsFunc(have, func(h string) bool { return sameColumn(h, name, f) || sameColumn(h, first, f) }) {
			continue
		}
		if f.Sync.MissingColumn == "null" || i < len(f.Wanted.Optional) && f.Wanted.Optional[i] {
			optional = append(optional, name)
		} else {
			missing = append(missing, name)
		}
	}
	return missing, optional
}

func sameColumn(have, wanted string, f *Flow) bool {
	return have == wanted || f.Sync.CaseInsensitive && strings.EqualFold(have, wanted)
}

// avroType is as much of an Avro schema as it takes to list a row's columns.
type avroType struct {
	Type   json.RawMessage `json:"type"`
	Fields []struct {
		Name string          `json:"name"`
		Type json.RawMessage `json:"type"`
	} `json:"fields"`
}

// columnsOf lists the columns of a row's schema: those inside the images of a change, or the record's own.
func columnsOf(schema string) []string {
	var record avroType
	if json.Unmarshal([]byte(schema), &record) != nil || record.Fields == nil {
		return nil
	}
	names := []string{}
	for _, f := range record.Fields {
		if f.Name == "before" || f.Name == "after" {
			if row := recordIn(f.Type); row != nil {
				return fieldNames(row)
			}
		}
	}
	return append(names, fieldNames(&record)...)
}

// recordIn is the record of a type that is one, or a union with one.
func recordIn(text json.RawMessage) *avroType {
	var union []json.RawMessage
	if json.Unmarshal(text, &union) != nil {
		union = []json.RawMessage{text}
	}
	for _, one := range union {
		var t avroType
		if json.Unmarshal(one, &t) == nil && t.Fields != nil {
			return &t
		}
	}
	return nil
}

func fieldNames(t *avroType) []string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return names
}

// tried is what became of the newest rows.
type tried struct {
	rows, sent, keyless int
	rejected            map[string]int
	skipped             map[pipeline.SkipReason]int
	trouble             error
}

// try brings the newest rows through the sync's steps and forgets what they become.
func (u *checkup) try(ctx context.Context, f *Flow, what string) {
	span, err := TopicRange{Partition: -1, Offset: -1, Limit: triedRows}.find(ctx, u.admin, f.Sync)
	if err != nil {
		return // its topics were said to be missing
	}
	t := tried{rejected: map[string]int{}, skipped: map[pipeline.SkipReason]int{}}
	steps := &dryFlow{Steps: f.Steps()}
	err = u.admin.Read(ctx, span, func(r *pipeline.Record) error {
		t.note(r, steps.try(ctx, r))
		if t.trouble != nil || t.rows == triedRows {
			return kafka.ErrStop
		}
		return nil
	})
	if err != nil {
		u.failed(what, err)
		return
	}
	u.judge(f, what, &t)
}

func (t *tried) note(r *pipeline.Record, err error) {
	t.rows++
	if len(r.Key) == 0 {
		t.keyless++
	}
	if rejection, ok := errors.AsType[*pipeline.Rejection](err); ok {
		t.rejected[strings.TrimSpace(string(rejection.Reason)+" "+rejection.Field)]++
	} else if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		t.skipped[skip]++
	} else if err != nil {
		t.trouble = err
	} else {
		t.sent++
	}
}

func (u *checkup) judge(f *Flow, what string, t *tried) {
	refused := 0
	for _, n := range t.rejected {
		refused += n
	}
	says := fmt.Sprintf("of the newest %d row(s) %d would be sent, %d rejected, %d skipped", t.rows, t.sent, refused, t.rows-t.sent-refused)
	switch {
	case t.trouble != nil:
		u.fail(what, t.trouble.Error(), "the sync would stop here: correct the mapping, then look with tokrelay preview --from-topic --sync "+f.Sync.Name)
	case t.rows == 0:
		u.ok(what, "its topics are empty: there are no rows to try")
	case f.Sync.isAudience() && t.keyless > 0:
		u.fail(what, fmt.Sprintf("%d of the newest %d row(s) have no key, so that their member is not known", t.keyless, t.rows), "key the topic by the member (Debezium: message.key.columns)")
	case refused > 0:
		u.warn(what, says+": "+counted(t.rejected), "see why: tokrelay preview --from-topic --sync "+f.Sync.Name)
	default:
		u.ok(what, says)
	}
}

// counted lists what was counted, the most first.
func counted(m map[string]int) string {
	var parts []string
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) }) {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(parts, ", ")
}
