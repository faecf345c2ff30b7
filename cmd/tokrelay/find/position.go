package find

import (
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
	f.problem(at.String(), err)
	written := int64(0) // the time of the row's record; 0: not known
	switch {
	case record == nil:
	case at.Topic == f.wiring.Config.DeadLetter.RejectedTopic:
		if d, err := deadletter.Parse(record); err == nil {
			at, written = d.Record.At(), outcomes.Millis(d.Record.Timestamp)
			f.options.Syncs = []string{d.Sync}
			f.syncs = slices.DeleteFunc(f.syncs, func(s *daemon.Sync) bool { return s.Name != d.Sync })
			record, err = d.Source(ctx, letters)
			f.problem(at.String(), err)
		}
	default:
		written = outcomes.Millis(record.Timestamp)
	}
	readers := f.readers(ctx, at.Topic)
	if topics := f.wiring.Config.DeadLetter; at.Topic == topics.RejectedTopic || at.Topic == topics.FailedTopic {
		f.note(fmt.Sprintf("%s is not the letter of a row: tokrelay dlq show %s explains it", at, at))
		return
	}
	if len(readers) == 0 {
		f.note(fmt.Sprintf("no sync that is asked for reads topic %s: see that the name is right", at.Topic))
		return
	}
	f.problem("the topic of outcomes", f.settledAt(ctx, at, written))
	for _, s := range readers {
		f.problem("sync "+s.Name, f.rowOf(ctx, s, at, written, record))
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

// sinceOf is since when what became of a row has to be looked for; the zero time: since ever.
func sinceOf(written int64) time.Time {
	if t := time.UnixMilli(written); written != 0 && t.Before(time.Now()) {
		return t.Add(-early)
	}
	return time.Time{}
}

// settledAt reads the outcomes of a row: they are in two partitions. Those of another topic that had the name before are of other rows.
func (f *search) settledAt(ctx context.Context, at pipeline.Position, written int64) error {
	if !f.wiring.Config.Outcomes.Enabled {
		f.answer.Looked.Off = true
		return nil
	}
	all, err := f.wiring.Config.OutcomesIn(f.wiring.Admin).All(ctx)
	if err != nil {
		return err
	}
	o := outcomes.Options{Since: sinceOf(written), Partitions: []int32{outcomes.LettersPartition, outcomes.PartitionOf(at.Topic, at.Partition, len(all.To))}}
	_, err = f.settled(ctx, o, func(out *outcomes.Outcome) bool {
		return out.Offset == at.Offset && out.Partition == at.Partition && out.Topic == at.Topic && (written == 0 || out.Changed == written)
	})
	return err
}

// rowOf says what became of the row in one sync, and what it is.
func (f *search) rowOf(ctx context.Context, s *daemon.Sync, at pipeline.Position, written int64, record *pipeline.Record) error {
	if record == nil && written == 0 { // then its outcomes say when it was written
		for _, r := range f.answer.Rows {
			if r.Sync == s.Name {
				written = max(written, r.id.Time)
			}
		}
	}
	row := f.answer.row(outcomes.Row{Sync: s.Name, Topic: at.Topic, Partition: at.Partition, Offset: at.Offset, Time: written})
	if record == nil {
		if row.State == "" {
			if err := f.missing(ctx, row); err != nil {
				return err
			}
		}
		return f.letterOf(ctx, s, row)
	}
	t, err := f.tracer(s)
	if err != nil {
		return err
	}
	out := row.today(ctx, t, record)
	waits := false
	if row.State == "" {
		if waits, err = f.waits(ctx, s, row); err != nil {
			return err
		}
	}
	if !waits {
		f.judge(row, out)
	}
	if err := f.letterOf(ctx, s, row); err != nil || out == nil {
		return err
	}
	if s.IsAudience() {
		f.membersOf(ctx, s, out.items)
	}
	return f.compare(ctx, s, row, record, out)
}

// missing says of a row that Kafka does not have why that is.
func (f *search) missing(ctx context.Context, row *Row) error {
	all, err := f.wiring.Admin.All(ctx, row.id.Topic)
	if err != nil {
		return err
	}
	start, _ := all.From.Get(row.id.Topic, row.id.Partition)
	switch end, ok := all.To.Get(row.id.Topic, row.id.Partition); {
	case !ok:
		row.State, row.Words = Absent, fmt.Sprintf("topic %s has no partition %d", row.id.Topic, row.id.Partition)
	case row.id.Offset >= end:
		row.State, row.Words = Absent, fmt.Sprintf("there is no such row yet: the partition ends at offset %d", end)
	case row.id.Offset < start:
		row.State, row.Words = Gone, fmt.Sprintf("not in Kafka any more: the partition begins at offset %d, and no outcome of the row is kept", start)
	default:
		row.State, row.Words = Gone, "not in Kafka: compaction has removed it, or it is a mark of a transaction; no outcome of it is kept"
	}
	return nil
}

// waits reports whether the sync has not read the row yet, and says so.
func (f *search) waits(ctx context.Context, s *daemon.Sync, row *Row) (bool, error) {
	if s.Kind() == daemon.KindFile {
		return true, f.inUpload(ctx, s, row)
	}
	committed, err := f.wiring.Admin.Committed(ctx, f.wiring.Config.GroupOf(s))
	if err != nil {
		return false, err
	}
	at, ok := committed.Get(row.id.Topic, row.id.Partition)
	if ok && row.id.Offset < at {
		return false, nil
	}
	row.State = Waiting
	switch before := row.id.Offset - at; {
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
func (f *search) inUpload(ctx context.Context, s *daemon.Sync, row *Row) error {
	standing, err := f.jobs(s.Name).Standing(ctx)
	if err != nil {
		return err
	}
	ids, err := f.wiring.Admin.IDs(ctx, row.id.Topic)
	if err != nil {
		return err
	}
	row.State, row.Words = NoUpload, "in no upload yet: the next one reads it"+at(", on ", standing.Next)
	if row.id.Offset < standing.CutOf(row.id.Topic, ids[row.id.Topic], row.id.Partition) {
		row.State, row.Words = Uploaded, "read for the upload of "+stamp(standing.Upload.At)+": the last row of each key counts"
	}
	return nil
}

// judge says why a row was skipped, and of one that has settled without an outcome that is known what its sync makes of it now.
func (f *search) judge(row *Row, out *traced) {
	if row.State == Skipped && out != nil && out.skip == row.skip {
		row.Words = skipped(out.skip, out.condition)
	}
	if row.State != "" {
		return
	}
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

// letterOf reads the dead letter of a row that is one, or may be one: its reason and field are in it.
func (f *search) letterOf(ctx context.Context, s *daemon.Sync, row *Row) error {
	isKnown := row.isDead()
	if !isKnown && row.State != Gone && row.State != Forgotten {
		return nil
	}
	d, err := f.letter(ctx, s, row)
	if err != nil || d == nil {
		return err
	}
	if row.read(s, d); !isKnown {
		row.Words += "; what became of it since is not kept"
	}
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
	span, err := deadletter.SpanOf(ctx, letters, f.wiring.Config.DeadLetter.RejectedTopic, sinceOf(row.id.Time), time.Time{})
	if err != nil {
		return nil, err
	}
	var last *deadletter.Dead
	filter := &deadletter.Filter{Syncs: []string{s.Name}, Topics: []string{row.id.Topic}, Rows: map[string]bool{row.At: true}}
	err = deadletter.Rows(ctx, letters, span, filter, nil, func(r *pipeline.Record, _ *deadletter.Head) error {
		d, err := deadletter.Parse(deadletter.Keep(r))
		if err == nil && (row.id.Time == 0 || d.Record.Timestamp.IsZero() || row.id == daemon.RowOf(d)) {
			last = d
		}
		return err
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
	f.memberships(ctx, []*daemon.Sync{s}, digests)
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
