package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// triedRows is how many rows of a sync are tried.
const triedRows = 100

// rows compares what a sync maps with the newest schemas, then tries the newest rows: that shows types, keys, and what
// would be rejected.
func (u *checkup) rows(ctx context.Context, s *daemon.Sync, registered bool) {
	what := "sync " + s.Name
	f, err := u.checkFlow(s)
	if err != nil {
		u.failed(what, err)
		return
	}
	topics, err := s.SourceTopics(ctx, u.admin)
	if err != nil {
		return // reported before
	}
	for _, topic := range topics {
		if registered && s.Framing.Style != "json" {
			u.schema(ctx, f, topic)
		}
	}
	u.try(ctx, f, what)
}

// tried is what became of the newest rows.
type tried struct {
	rows, sent, keyless int
	rejected            map[string]int
	skipped             map[pipeline.SkipReason]int
	doubts              map[string]int
	trouble             error
}

// try brings the newest rows through the sync's steps and forgets what they become.
func (u *checkup) try(ctx context.Context, f *daemon.Flow, what string) {
	span, err := daemon.TopicRange{Partition: -1, Offset: -1, Limit: triedRows}.Find(ctx, u.admin, f.Sync)
	if err != nil {
		return // its topics were reported missing
	}
	t := tried{rejected: map[string]int{}, skipped: map[pipeline.SkipReason]int{}, doubts: map[string]int{}}
	var notes pipeline.Notes
	trial := f.NewTrial(&notes)
	err = u.admin.Read(ctx, span, func(r *pipeline.Record) error {
		t.note(r, trial.Try(ctx, r))
		t.doubt(notes.List)
		if t.trouble != nil || t.rows == triedRows {
			return admin.ErrStop
		}
		return nil
	})
	if err != nil {
		u.failed(what, err)
		return
	}
	u.report(f, what, &t)
	for _, doubt := range slices.Sorted(maps.Keys(t.doubts)) {
		u.warn(what, fmt.Sprintf("of the newest %d row(s) %d: %s", t.rows, t.doubts[doubt], doubt), "see them: tokrelay preview --from-topic --sync "+f.Sync.Name)
	}
	for _, finding := range loadFindings(f) { // of rows without a schema
		u.emit(finding)
	}
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

// doubt counts what is sent so but hardly meant so.
func (t *tried) doubt(notes []pipeline.Note) {
	for _, n := range notes {
		if n.What == pipeline.Doubtful {
			t.doubts[n.Field+": "+n.Why]++
		}
	}
}

// report gives what became of them.
func (u *checkup) report(f *daemon.Flow, what string, t *tried) {
	refused := 0
	for _, n := range t.rejected {
		refused += n
	}
	says := fmt.Sprintf("of the newest %d row(s) %d would be sent, %d rejected, %d skipped", t.rows, t.sent, refused, t.rows-t.sent-refused)
	if len(t.skipped) > 0 {
		says += " (" + counted(t.skipped) + ")"
	}
	switch {
	case t.trouble != nil:
		u.fail(what, t.trouble.Error(), stopsCure(f.Sync.Name, t.trouble))
	case t.rows == 0:
		u.ok(what, "its topics are empty: there are no rows to try")
	case f.Sync.IsAudience() && t.keyless > 0:
		u.fail(what, fmt.Sprintf("%d of the newest %d row(s) have no key, so that their member is not known", t.keyless, t.rows), "key the topic by the member (Debezium: message.key.columns)")
	case t.sent == 0:
		cure := "see why: tokrelay preview --from-topic --sync " + f.Sync.Name
		if t.skipped[pipeline.SkipNoIdentifier] > 0 {
			cure = "see that the mapped columns are the right ones: rows have no identifier"
		}
		if refused > 0 {
			says += ": " + counted(t.rejected)
		}
		u.fail(what, says, cure)
	case f.Sync.IsAudience() && 2*t.skipped[pipeline.SkipNoIdentifier] > t.rows:
		u.warn(what, says, "most rows have no identifier: see that the mapped columns are the right ones")
	case refused > 0:
		u.warn(what, says+": "+counted(t.rejected), "see why: tokrelay preview --from-topic --sync "+f.Sync.Name)
	default:
		u.ok(what, says)
	}
}

// counted lists what was counted, the most first.
func counted[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) }) {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], string(k)))
	}
	return strings.Join(parts, ", ")
}

// stopsCure is what to do where the sync would stop. The mapping is not at fault when the registry does not answer.
func stopsCure(sync string, err error) string {
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); ok && trouble.Kind == pipeline.TroubleRegistry {
		return "the sync would wait here: start the schema registry, or correct schema_registry.url, its tls and its credentials"
	}
	return "the sync would stop here: correct the mapping, then look with tokrelay preview --from-topic --sync " + sync
}
