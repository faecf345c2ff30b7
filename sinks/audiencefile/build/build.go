package audiencefile

import (
	"context"
	"path/filepath"
	"slices"
)

// build makes the files of one run: read, keep the latest change of each key, drop repeated lines, write.
type build struct {
	plan     *Plan
	deps     *Deps
	job      *Job
	folder   folder
	run      string // its name
	path     string // its folder
	mapping  string
	parallel int
	memory   memory

	maxRejected float64
	rebuild     bool   // read everything, whatever is kept
	previous    string // the run whose upload TikTok holds, "" if none

	spans []Span // every partition, numbered by its place here; From: where the topic begins
	salt  []byte
}

// built is what a build gives.
type built struct {
	Counts
	Set
	Spans []Span // what was read
	Files []File
	Reuse bool // only what changed since the last run was read
}

// make builds the files. Everything it needs for the next run is kept in its folder by then.
func (b *build) make(ctx context.Context) (*built, error) {
	spans, err := b.deps.Source.Spans(ctx)
	if err != nil {
		return nil, kafkaTrouble("look up offsets", err)
	}
	if b.salt, err = b.folder.salt(); err != nil {
		return nil, err
	}
	base, known := b.openBase(spans)
	if base != nil {
		defer base.close()
	}
	b.spans = number(spans, known)
	out := &built{Spans: b.toRead(spans, known), Reuse: base != nil}
	lines, err := b.distil(ctx, base, out)
	if err != nil {
		return nil, err
	}
	defer lines.close()
	b.job.progress.phase(PhaseWriting)
	return out, b.write(ctx, lines, out)
}

// distil reads the topic and gives the lines of its rows as they are now, some of them several times.
func (b *build) distil(ctx context.Context, base *spill, out *built) (*spill, error) {
	entries, err := newNameless(filepath.Join(b.path, "entries"))
	if err != nil {
		return nil, err
	}
	defer entries.close()
	written, err := loadWritten(ctx, b.deps, b.mapping, b.spans)
	if err != nil {
		return nil, err
	}
	b.job.progress.reading(out.Spans)
	if err := b.readAll(ctx, out, entries, written); err != nil {
		return nil, err
	}
	b.job.progress.phase(PhaseSorting)
	return b.reduce(ctx, base, entries)
}

// readAll reads up to the ends noted at the start, and then what was written in the meantime up to ends noted once more:
// those are the cut (P9). While an hour's worth was read, compaction may have taken records away in favour of later ones
// that lie behind the first ends; it never touches what was written last.
func (b *build) readAll(ctx context.Context, out *built, entries *spill, w *written) (err error) {
	if out.Counts, err = b.collect(ctx, out.Spans, entries, w); err != nil {
		return err
	}
	now, err := b.deps.Source.Spans(ctx)
	if err != nil {
		return kafkaTrouble("look up offsets", err)
	}
	rest := b.extend(out, now)
	if size(rest) == 0 {
		return nil
	}
	b.job.progress.reading(out.Spans)
	more, err := b.collect(ctx, rest, entries, w)
	out.Counts.plus(&more)
	return err
}

// extend moves the cut to the present ends and gives what lies between. Partitions that are new wait for the next run.
func (b *build) extend(out *built, now []Span) (rest []Span) {
	for i := range out.Spans {
		s := &out.Spans[i]
		end := find(now, *s)
		if end == nil || end.TopicID != s.TopicID || end.To <= s.To {
			continue
		}
		more := *s
		more.From, more.To = s.To, end.To
		rest = append(rest, more)
		s.To = end.To
		find(b.spans, *s).To = end.To
	}
	return rest
}

// openBase opens the last known state of every key, if it is of this mapping and of these very topics. Where brokers give
// no ids, a topic may be another one of the same name, and nothing is used again.
func (b *build) openBase(spans []Span) (*spill, []Span) {
	run := b.folder.newestBase()
	if b.rebuild || run == "" {
		return nil, nil
	}
	base, k := openKept(b.folder.join(baseName(run)), b.mapping, b.plan.layout.width)
	if base == nil {
		return nil, nil
	}
	for _, old := range k.Spans {
		now := find(spans, old)
		if now == nil || !now.sameTopic(old) || now.To < old.To {
			base.close()
			return nil, nil
		}
	}
	return base, k.Spans
}

func find(spans []Span, like Span) *Span {
	i := slices.IndexFunc(spans, func(s Span) bool { return s.Topic == like.Topic && s.Partition == like.Partition })
	if i < 0 {
		return nil
	}
	return &spans[i]
}

// number puts the partitions in the order in which the base numbers them, new ones behind.
func number(spans, known []Span) []Span {
	numbered := slices.Clone(known)
	for i, k := range known {
		numbered[i] = *find(spans, k)
	}
	for _, s := range spans {
		if find(known, s) == nil {
			numbered = append(numbered, s)
		}
	}
	return numbered
}

// toRead leaves out what the base knows.
func (b *build) toRead(spans, known []Span) []Span {
	list := slices.Clone(spans)
	for i := range list {
		if old := find(known, list[i]); old != nil {
			list[i].From = max(list[i].From, old.To)
		}
	}
	return list
}
