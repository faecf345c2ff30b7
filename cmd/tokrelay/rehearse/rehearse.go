// Package rehearse runs a sync's topic through the sync's steps and counts what comes of its rows; of two configurations it counts what
// differs as well. Nothing is sent and nothing is committed.
package rehearse

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// Candidate is a sync as one configuration has it.
type Candidate struct {
	Name    string // of the configuration, in the report
	Sync    *daemon.Sync
	Schemas cdc.Schemas
}

// Options say what is read. Each row is taken at the time at which Kafka got it: as it would have been sent then.
type Options struct {
	Since    time.Time            // zero: from the oldest record
	Progress func(done, of int64) // offsets read; from several goroutines; may be nil
	Most     int64                // rows of an audience that are remembered; with more of them, a sample is. 0: a million
}

const mostRows = 1 << 20

// Report is what a rehearsal found. It holds no personal data.
type Report struct {
	Sync       string      `json:"sync"`
	Kind       string      `json:"kind"`
	Topics     []string    `json:"topics"`
	Since      time.Time   `json:"since,omitzero"`
	Rows       int64       `json:"rows"`
	Result     *Result     `json:"result"`
	Against    *Result     `json:"against,omitempty"`
	Difference *Difference `json:"difference,omitempty"`
}

// Run rehearses the topics of the first candidate with each of one or two, from the options' time to the ends recorded now. Partitions are
// read in parallel. A row about which a step cannot decide, such as one whose schema is not to be had, ends it with an error.
func Run(ctx context.Context, client *admin.Client, o Options, candidates ...Candidate) (*Report, error) {
	first := candidates[0].Sync
	topics, err := first.SourceTopics(ctx, client)
	if err != nil {
		return nil, err
	}
	all, err := client.All(ctx, topics...)
	if err == nil && !o.Since.IsZero() {
		all.From, err = client.At(ctx, o.Since, topics...)
	}
	if err != nil {
		return nil, err
	}
	r := &rehearsal{client: client, options: o, candidates: candidates, offsets: size(all)}
	if err := r.run(ctx, all); err != nil {
		return nil, err
	}
	report := r.report()
	report.Sync, report.Kind, report.Topics, report.Since = first.Name, first.Kind(), topics, o.Since
	return report, nil
}

// rehearsal is one at work.
type rehearsal struct {
	client     *admin.Client
	options    Options
	candidates []Candidate
	people     []*people // of each candidate; nil: it fills no audience
	workers    []*worker
	offsets    int64
	done       atomic.Int64
}

func (r *rehearsal) run(ctx context.Context, all admin.Range) error {
	most := r.options.Most
	if most == 0 {
		most = mostRows
	}
	for i := range r.candidates {
		r.people = append(r.people, newPeople(r.candidates[i].Sync, sampleOf(r.offsets, most/int64(len(r.candidates)))))
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range split(all, runtime.GOMAXPROCS(0)) {
		w, err := r.newWorker()
		if err != nil {
			return err
		}
		r.workers = append(r.workers, w)
		group.Go(func() error {
			return r.client.Scan(ctx, part, func(record *pipeline.Record) error { return w.row(ctx, record) })
		})
	}
	return group.Wait()
}

// sampleOf is one row of how many is remembered, a power of two, where there may be that number of rows.
func sampleOf(rows, most int64) (n uint32) {
	for n = 1; rows/int64(n) > most && n < 1<<30; n *= 2 {
	}
	return n
}

func size(r admin.Range) (n int64) {
	for topic, partitions := range r.To {
		for id, end := range partitions {
			from, _ := r.From.Get(topic, id)
			n += max(0, end-from)
		}
	}
	return n
}

// split shares the partitions out, the largest first, each to the part that is smallest so far.
func split(all admin.Range, n int) []admin.Range {
	type partition struct {
		topic          string
		id             int32
		from, to, size int64
	}
	var list []partition
	for topic, partitions := range all.To {
		for id, to := range partitions {
			if from, _ := all.From.Get(topic, id); from < to {
				list = append(list, partition{topic, id, from, to, to - from})
			}
		}
	}
	slices.SortFunc(list, func(a, b partition) int { return int(min(max(b.size-a.size, -1), 1)) })
	parts, sizes := make([]admin.Range, min(n, len(list))), make([]int64, min(n, len(list)))
	for i := range parts {
		parts[i] = admin.Range{From: admin.Offsets{}, To: admin.Offsets{}, IDs: maps.Clone(all.IDs)}
	}
	for _, p := range list {
		i := slices.Index(sizes, slices.Min(sizes))
		sizes[i] += p.size
		parts[i].From.Set(p.topic, p.id, p.from)
		parts[i].To.Set(p.topic, p.id, p.to)
	}
	return parts
}

func (r *rehearsal) report() *Report {
	out := &Report{}
	results, difference := make([]*Result, len(r.candidates)), newDifference()
	for i := range r.candidates {
		total := newCounts()
		for _, w := range r.workers {
			total.plus(w.sides[i].counts)
		}
		results[i] = total.result(r.candidates[i].Name)
		results[i].Audience = r.people[i].size()
	}
	for _, w := range r.workers {
		out.Rows += w.rows
		difference.plus(w.difference)
	}
	out.Result = results[0]
	if len(results) > 1 {
		out.Against = results[1]
		out.Difference = difference.report()
		out.Difference.Audience = r.people[0].since(r.people[1])
	}
	return out
}

// worker brings the rows of some partitions through the steps of each candidate.
type worker struct {
	rehearsal  *rehearsal
	clock      time.Time // of the row at hand
	sides      []*side
	difference *difference
	rows       int64
}

func (r *rehearsal) newWorker() (*worker, error) {
	w := &worker{rehearsal: r, difference: newDifference()}
	for i, c := range r.candidates {
		flow, err := daemon.NewFlow(c.Sync, func() time.Time { return w.clock }, nil)
		if err == nil {
			err = flow.DecodeWith(c.Schemas, nil, slog.New(slog.DiscardHandler))
		}
		if err != nil {
			return nil, err
		}
		w.sides = append(w.sides, &side{trial: flow.NewTrial(nil), counts: newCounts(), people: r.people[i]})
	}
	return w, nil
}

func (w *worker) row(ctx context.Context, r *pipeline.Record) error {
	w.rows++
	if w.clock = r.Timestamp; w.clock.Unix() <= 0 {
		w.clock = time.Now()
	}
	for _, s := range w.sides {
		if err := s.row(ctx, r); err != nil {
			return fmt.Errorf("row %s: a running sync would be held here: %w", r.Position(), err)
		}
	}
	if len(w.sides) > 1 {
		w.difference.compare(r, w.sides[0], w.sides[1])
	}
	if done := w.rehearsal.done.Add(1); done%1024 == 0 && w.rehearsal.options.Progress != nil {
		w.rehearsal.options.Progress(done, w.rehearsal.offsets)
	}
	return nil
}

// side is what one candidate makes of rows.
type side struct {
	trial   *daemon.Trial
	counts  *counts
	people  *people
	outcome outcome // of the row at hand
	digests []byte  // of the row at hand, where it is one of an audience
}

// row returns an error where the row has no outcome.
func (s *side) row(ctx context.Context, r *pipeline.Record) error {
	err := s.trial.Try(ctx, r)
	var ok bool
	if s.outcome, ok = outcomeOf(err); !ok {
		return err
	}
	s.counts.add(s.outcome, r)
	s.digests = s.digests[:0]
	switch {
	case s.people == nil && err == nil:
		s.counts.events(s.trial.Items())
	case s.people != nil:
		if err == nil {
			s.digests = s.trial.AppendDigests(s.digests)
		}
		s.people.add(r, s, err)
	}
	return nil
}
