package find

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// position answers of a row by its place: the row itself is one fetch. A dead letter's place is its row's.
func (f *search) position(ctx context.Context, at pipeline.Position) {
	letters := daemon.LettersIn(f.wiring.Admin)
	record, err := deadletter.Fetch(ctx, letters, at)
	f.problem(place(at), err)
	if at.Topic == f.wiring.Config.DeadLetter.RejectedTopic && record != nil {
		if d, err := deadletter.Parse(record); err == nil {
			at = pipeline.Position{Topic: d.Record.Topic, Partition: d.Record.Partition, Offset: d.Record.Offset}
			f.options.Syncs = []string{d.Sync}
			f.syncs = slices.DeleteFunc(f.syncs, func(s *daemon.Sync) bool { return s.Name != d.Sync })
			record, err = deadletter.Fetch(ctx, letters, at)
			f.problem(place(at), err)
		}
	}
	readers := f.readers(ctx, at.Topic)
	if len(readers) == 0 {
		f.answer.Problems = append(f.answer.Problems, fmt.Sprintf("no sync of the configuration reads topic %s: see that the name is right", at.Topic))
		return
	}
	f.problem("the topic of outcomes", f.settledAt(ctx, at, record))
	for _, s := range readers {
		f.problem("sync "+s.Name, f.rowOf(ctx, s, at, record))
	}
}

// readers are the syncs that read a topic.
func (f *search) readers(ctx context.Context, topic string) (list []*daemon.Sync) {
	for _, s := range f.syncs {
		topics, err := s.SourceTopics(ctx, f.wiring.Admin)
		f.problem("the topics of sync "+s.Name, err)
		if slices.Contains(topics, topic) {
			list = append(list, s)
		}
	}
	return list
}

// early is how much earlier than its record's time a row may have settled: clocks differ.
const early = time.Hour

// settledAt reads the outcomes of a row: they are in two partitions.
func (f *search) settledAt(ctx context.Context, at pipeline.Position, record *pipeline.Record) error {
	if !f.wiring.Config.Outcomes.Enabled {
		f.answer.Looked.Off = true
		return nil
	}
	all, err := f.wiring.Config.OutcomesIn(f.wiring.Admin).All(ctx)
	if err != nil {
		return err
	}
	o := outcomes.Options{Partitions: []int32{outcomes.LettersPartition, outcomes.PartitionOf(at.Topic, at.Partition, len(all.To))}}
	if record != nil {
		o.Since = earliest(record.Timestamp, time.Now()).Add(-early)
	}
	err = f.settled(ctx, o, func(out *outcomes.Outcome) bool {
		return out.Offset == at.Offset && out.Partition == at.Partition && out.Topic == at.Topic
	})
	f.answer.Looked.Since = time.Time{} // there are none before
	return err
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// rowOf says what became of the row in one sync, and what it is.
func (f *search) rowOf(ctx context.Context, s *daemon.Sync, at pipeline.Position, record *pipeline.Record) error {
	row := f.answer.row(s.Name, at)
	known := row.State != ""
	if record == nil && !known {
		return f.missing(ctx, s, row)
	}
	if record == nil {
		return f.letterOf(ctx, s, row)
	}
	row.Changed = record.Timestamp.UTC()
	t, err := newTracer(s, f.schemas)
	if err != nil {
		return err
	}
	if !known {
		waits, err := f.waits(ctx, s, row)
		if err != nil {
			return err
		}
		if !waits {
			f.judge(ctx, row, t, record)
		}
	}
	out := row.today(ctx, t, record)
	if out == nil {
		return nil
	}
	if row.State == Skipped && out.condition != "" {
		row.Words = "skipped: " + out.condition
	}
	if s.IsAudience() {
		f.membersOf(ctx, s, out.items)
	}
	if row.State == Rejected || row.State == Failed || row.State == Forgotten {
		if err := f.letterOf(ctx, s, row); err != nil {
			return err
		}
	}
	return f.compare(ctx, s, row, record, out)
}

// missing says of a row that Kafka does not have why that is.
func (f *search) missing(ctx context.Context, s *daemon.Sync, row *Row) error {
	all, err := f.wiring.Admin.All(ctx, row.at.Topic)
	if err != nil {
		return err
	}
	start, _ := all.From.Get(row.at.Topic, row.at.Partition)
	switch end, ok := all.To.Get(row.at.Topic, row.at.Partition); {
	case !ok:
		row.State, row.Words = Absent, fmt.Sprintf("topic %s has no partition %d", row.at.Topic, row.at.Partition)
	case row.at.Offset >= end:
		row.State, row.Words = Absent, fmt.Sprintf("there is no such row yet: the partition ends at offset %d", end)
	case row.at.Offset < start:
		row.State, row.Words = Gone, fmt.Sprintf("not in Kafka any more: the partition begins at offset %d, and no outcome of the row is kept", start)
	default:
		row.State, row.Words = Gone, "not in Kafka: compaction has removed it, or it is a mark of a transaction; no outcome of it is kept"
	}
	return f.letterOf(ctx, s, row)
}

// waits reports whether the sync has not read the row yet, and says so.
func (f *search) waits(ctx context.Context, s *daemon.Sync, row *Row) (bool, error) {
	if s.Kind() == daemon.KindFile {
		return f.inUpload(ctx, s, row)
	}
	committed, err := f.wiring.Admin.Committed(ctx, f.wiring.Config.GroupOf(s))
	if err != nil {
		return false, err
	}
	at, ok := committed.Get(row.at.Topic, row.at.Partition)
	if ok && row.at.Offset < at {
		return false, nil
	}
	row.State = Waiting
	switch before := row.at.Offset - at; {
	case !ok:
		row.Words = "not read yet: the sync has not committed anything of this partition"
	case before == 0:
		row.Words = "not settled yet: it is the next row of its partition"
	default:
		row.Words = "not settled yet: " + strconv.FormatInt(before, 10) + " rows of its partition are before it"
	}
	return true, nil
}

// inUpload says of a row of a file audience whether the upload that TikTok holds was made of it.
func (f *search) inUpload(ctx context.Context, s *daemon.Sync, row *Row) (bool, error) {
	standing, err := f.jobs(s.Name).Standing(ctx)
	if err != nil {
		return false, err
	}
	row.State, row.Words = NoUpload, "in no upload yet: the next one reads it"+at(", on ", standing.Next)
	for _, cut := range standing.Cut {
		if cut.Topic == row.at.Topic && cut.Partition == row.at.Partition && row.at.Offset < cut.To {
			row.State, row.Words = Uploaded, "read for the upload of "+stamp(standing.Upload.At)+": the last row of each key counts"
		}
	}
	return true, nil
}

// judge decides on a row that has settled and of which no outcome is known: by what its sync makes of it now.
func (f *search) judge(ctx context.Context, row *Row, t *tracer, record *pipeline.Record) {
	out := row.today(ctx, t, record)
	row.State = Forgotten
	why := "its outcome is not kept any more"
	if f.answer.Looked.Off {
		why = "outcomes are switched off"
	}
	switch {
	case out == nil:
		row.Words = "settled; how is not known: " + why
	case out.skip != "":
		row.State, row.Words = Skipped, skipped(out.skip, out.condition)
	default:
		row.Words = "settled; how is not known: " + why + ". By the configuration as it is now it would be " + out.words()
	}
}

// letterOf looks for the row's dead letter where its outcome names none: its reason and field are in it.
func (f *search) letterOf(ctx context.Context, s *daemon.Sync, row *Row) error {
	d, err := f.letter(ctx, s, row)
	if err != nil || d == nil {
		return err
	}
	row.Letter = deadletter.PlaceText(d.At)
	if row.State != Rejected && row.State != Failed && row.State != Gone && row.State != Forgotten {
		return nil
	}
	row.State = Rejected
	row.explain(s, d.Rejection.Reason, d.Rejection.Field)
	row.Words = "rejected" + at(" at ", d.Failed) + ": " + cmp.Or(d.Message(), row.Words)
	return nil
}

func (f *search) letter(ctx context.Context, s *daemon.Sync, row *Row) (*deadletter.Dead, error) {
	letters := daemon.LettersIn(f.wiring.Admin)
	if at, err := deadletter.ParsePlace(row.Letter); err == nil {
		r, err := deadletter.Fetch(ctx, letters, at)
		if err != nil || r == nil {
			return nil, err
		}
		d, _ := deadletter.Parse(r) // another program's record is none
		return d, nil
	}
	since := time.Time{}
	if !row.Changed.IsZero() {
		since = earliest(row.Changed, time.Now()).Add(-early)
	}
	span, err := deadletter.SpanOf(ctx, letters, f.wiring.Config.DeadLetter.RejectedTopic, since, time.Time{})
	if err != nil {
		return nil, err
	}
	var last *deadletter.Dead
	filter := &deadletter.Filter{Syncs: []string{s.Name}, Topics: []string{row.at.Topic}, Rows: map[string]bool{row.At: true}}
	err = deadletter.Rows(ctx, letters, span, filter, nil, func(r *pipeline.Record, _ *deadletter.Head) error {
		if d, err := deadletter.Parse(deadletter.Keep(r)); err == nil {
			last = d
		}
		return nil
	})
	return last, err
}

var hashes = regexp.MustCompile(`\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b`)

// membersOf are the present memberships of the person that an audience's row is of.
func (f *search) membersOf(ctx context.Context, s *daemon.Sync, items []json.RawMessage) {
	var digests [][]byte
	for _, item := range items {
		for _, text := range hashes.FindAll(item, -1) {
			if d, err := hex.DecodeString(string(text)); err == nil {
				digests = append(digests, d)
			}
		}
	}
	all := f.syncs
	f.syncs = []*daemon.Sync{s}
	f.memberships(ctx, digests)
	f.syncs = all
}

// compare puts what is sent of the row next to it.
func (f *search) compare(ctx context.Context, s *daemon.Sync, row *Row, record *pipeline.Record, out *traced) error {
	inClear, err := f.wiring.Config.NewOpener(f.wiring.Admin, f.schemas, true).Row(ctx, s.Name, record)
	if err != nil {
		return err
	}
	refused := row.Field
	if refused == "" && out.rejection != nil {
		refused = out.rejection.Field
	}
	row.Compared = Compare(s, inClear, last(out.items), refused)
	return nil
}
