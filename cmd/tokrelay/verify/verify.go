// Package verify compares an audience with the table it is made of: it reads the sync's topic to its ends, works out who is a
// member by the sync's own rules, and holds that against what is remembered as sent, or was last uploaded.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/segment"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Report is what a verification found. It holds no personal data but the first digits of digests.
type Report struct {
	Sync     string                     `json:"sync"`
	Kind     string                     `json:"kind"`
	At       time.Time                  `json:"at"`
	New      bool                       `json:"new,omitempty"`      // no instance has run yet: nothing is remembered
	Rows     int64                      `json:"rows"`               // read
	Rejected int64                      `json:"rejected"`           // of them
	Streamed *segment.Comparison        `json:"streamed,omitempty"` // of a streamed audience
	File     *audiencefile.Verification `json:"file,omitempty"`     // of a file audience
	Fault    string                     `json:"fault,omitempty"`    // what is wrong with the audience at TikTok
	Unasked  string                     `json:"unasked,omitempty"`  // why TikTok was not asked
	TikTok   []audience.Details         `json:"tiktok,omitempty"`
	Repaired int                        `json:"repaired"` // members put right
	Differs  bool                       `json:"differs"`  // something is missing, too much or open, and was not put right
}

// Words say what was found.
func (r *Report) Words() string {
	c := r.Streamed
	switch {
	case r.Fault != "":
		return r.Fault
	case r.File != nil && r.File.Last == nil:
		return fmt.Sprintf("the topic tells of %d identifiers, and nothing was uploaded yet", r.File.Members)
	case r.File != nil && r.File.Right():
		return fmt.Sprintf("the last upload was the topic's %d identifiers", r.File.Members)
	case r.File != nil:
		return fmt.Sprintf("the topic tells of %d identifiers where the last upload had %d", r.File.Members, r.File.Last.Members)
	}
	text := fmt.Sprintf("%d people with %d identifiers in the topic; %d identifiers missing, %d too much", c.People, c.Identifiers, c.Missing, c.TooMuch)
	if r.Repaired > 0 {
		text += fmt.Sprintf("; %d people put right", r.Repaired)
	}
	return text
}

// key is where the last report of a sync is kept.
func key(sync string) string { return "verification/" + sync }

// Last is the last report of a sync, if there is one.
func Last(w *daemon.Wiring, sync string) (*Report, bool) {
	doc, ok := w.State.Get(key(sync))
	if !ok {
		return nil, false
	}
	var r Report
	return &r, json.Unmarshal(doc, &r) == nil
}

// keep keeps the report for the page.
func (r *Report) keep(ctx context.Context, w *daemon.Wiring) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := w.State.Put(ctx, key(r.Sync), doc); err != nil {
		return fmt.Errorf("keep the result: %w", err)
	}
	return nil
}

// Options say how a streamed audience is verified.
type Options struct {
	Repair   func(*segment.Comparison) error // asked before members are put right; its error ends it. Nil: nothing is
	Progress func(done, of int64)            // offsets read; may be nil
	Now      func() time.Time
}

// Streamed verifies a streamed audience, and puts right what differs if that is asked for.
func Streamed(ctx context.Context, w *daemon.Wiring, s *daemon.Sync, o Options) (*Report, error) {
	flow, err := w.Flow(s, nil)
	if err != nil {
		return nil, err
	}
	stream, err := w.Stream(s)
	if err != nil {
		return nil, err
	}
	v := &streamed{wiring: w, sync: s, stream: stream, options: o, runner: pipeline.Runner{Steps: flow.Steps()}, table: segment.NewTable(s.Name, s.Framing.Identity),
		report: &Report{Sync: s.Name, Kind: s.Kind(), At: o.Now()}}
	return v.report, v.run(ctx)
}

type streamed struct {
	wiring  *daemon.Wiring
	sync    *daemon.Sync
	stream  *daemon.Stream
	options Options
	runner  pipeline.Runner
	table   *segment.Table
	report  *Report
	done    int64
	kept    *daemon.Remembered
}

func (v *streamed) run(ctx context.Context) (err error) {
	if v.report.New, err = v.wiring.NeverRan(ctx); err != nil || v.report.New {
		return err
	}
	if err := v.wiring.State.Refresh(ctx); err != nil {
		return fmt.Errorf("read the state topic: %w", err)
	}
	if err := v.compare(ctx); err != nil || v.report.New {
		return err
	}
	v.readBack(ctx)
	wrong := v.report.Streamed.Wrong()
	if v.options.Repair != nil && wrong > 0 {
		err = v.repair(ctx)
	}
	v.report.Differs = v.report.Repaired < wrong || v.report.Fault != ""
	return errors.Join(err, v.report.keep(context.WithoutCancel(ctx), v.wiring))
}

// readBack asks TikTok: it tells that an audience is gone, and how many people it covers, and never who they are.
func (v *streamed) readBack(ctx context.Context) {
	reading := v.stream.Readback(ctx)
	v.report.TikTok = reading.Audiences
	if reading.Fault != nil {
		v.report.Fault = reading.Fault.What
	}
	if reading.Err != nil {
		v.report.Unasked = reading.Err.Error()
	}
}

// compare reads the topic, then the commits, then what is remembered, then what was written to the topic in the meantime:
// so every row below a commit is in both, and every row with a later one is known to wait.
func (v *streamed) compare(ctx context.Context) error {
	topics, err := v.sync.SourceTopics(ctx, v.wiring.Admin)
	if err != nil {
		return err
	}
	first, err := v.wiring.Admin.All(ctx, topics...)
	if err != nil {
		return err
	}
	if err := v.read(ctx, first); err != nil {
		return err
	}
	committed, err := v.wiring.Admin.Committed(ctx, v.wiring.Config.GroupOf(v.sync))
	if err != nil {
		return err
	}
	v.kept, err = v.wiring.Remembered(ctx, v.sync)
	if v.report.New = v.kept == nil; err != nil || v.report.New {
		return err
	}
	rest := admin.Range{From: first.To, IDs: first.IDs}
	if rest.To, err = v.wiring.Admin.Ends(ctx, topics...); err != nil {
		return err
	}
	if err := v.read(ctx, rest); err != nil {
		return err
	}
	isWaiting := func(id owners.Identity, last pipeline.Position) bool {
		at, ok := committed.Get(last.Topic, last.Partition)
		return !ok || last.Offset >= at || v.kept.IsBehind(id)
	}
	v.report.Streamed = v.table.Compare(v.kept.Book, isWaiting, isWhole(first))
	v.report.Streamed.Open = v.kept.Open
	return nil
}

// isWhole reports whether a member of whom the topics hold no row is none: nothing but compaction, which leaves where a log
// starts, has ever removed a record.
func isWhole(r admin.Range) bool {
	for _, partitions := range r.From {
		for _, start := range partitions {
			if start > 0 {
				return false
			}
		}
	}
	return true
}

// read brings the rows of a range into the table.
func (v *streamed) read(ctx context.Context, r admin.Range) error {
	var of int64
	for topic, partitions := range r.To {
		for id, end := range partitions {
			start, _ := r.From.Get(topic, id)
			of += max(0, end-start)
		}
	}
	of += v.done
	err := v.wiring.Admin.Read(ctx, r, func(record *pipeline.Record) error {
		v.done++
		v.report.Rows++
		if v.options.Progress != nil {
			v.options.Progress(v.done, of)
		}
		return v.row(ctx, record)
	})
	if err != nil {
		return fmt.Errorf("read the topic: %w", err)
	}
	return nil
}

func (v *streamed) row(ctx context.Context, record *pipeline.Record) error {
	v.runner.Items.Reset()
	err := v.runner.Row(ctx, record, 0)
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return trouble
	}
	if _, ok := errors.AsType[*pipeline.Rejection](err); ok {
		v.report.Rejected++
	}
	v.table.Add(record, &v.runner.Items, err)
	return nil
}

// repair tells the owners of the rows that differ what they are: what follows is told to TikTok by the instances that run.
func (v *streamed) repair(ctx context.Context) error {
	c := v.report.Streamed
	if err := v.options.Repair(c); err != nil {
		return err
	}
	repaired := 0
	err := v.kept.Assert(ctx, v.wiring, v.sync, func(a *owners.Assert, write owners.Write) { repaired = c.Repair(a, write) })
	if err == nil {
		v.report.Repaired = repaired
	}
	return err
}

// File verifies a file audience.
func File(ctx context.Context, w *daemon.Wiring, s *daemon.Sync, job *audiencefile.Job, now time.Time) (*Report, error) {
	found, err := job.Verify(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{Sync: s.Name, Kind: s.Kind(), At: now, Rows: found.Records, File: found, Fault: found.Fault, Unasked: found.Unasked}
	r.Differs = !found.Right() && !found.Explained() || r.Fault != ""
	for _, n := range found.Rejected {
		r.Rejected += n
	}
	return r, r.keep(ctx, w)
}
