// Package build makes the files of a file audience. It reads a topic up to offsets noted at its start (P9), keeps the latest
// change of every key, drops repeated lines and writes the files, in memory that does not grow with the audience: an external
// sort in three passes (collect, reduce, write) over files of records in buckets (spill).
//
// Rows become lines in the caller's steps; a line is a fixed number of bytes (Layout). What the next run needs stays in a
// Folder. When to build, what stops an upload, and the upload are the caller's.
package build

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Input is what the files of one run are made from.
type Input struct {
	Run         string // its name; names sort by time
	Previous    string // the run whose upload TikTok holds, "" if none
	Rebuild     bool   // read the whole topic, whatever is kept from the last run
	Keep        bool   // keep what the next run needs to read only what changed
	Mapping     string // changes whenever the same record may make other lines
	Layout      Layout
	FileSize    int64 // files are split here
	Memory      int64
	Parallel    int     // workers
	MaxRejected float64 // of a thousand rows in a row; 1: any number may be rejected

	Source   Source
	NewSteps func() pipeline.Steps // for one goroutine each; Decode makes a delete of every tombstone with a key, Make appends the lines of a row to Items.Buf, none if it is not a member
	Letters  DeadLetters
	Marks    Document                // up to where rejected rows have their letters
	Rows     *metrics.Rows           // nil: none
	Progress func(Step)              // called from several goroutines
	Trouble  func(*pipeline.Trouble) // what is waited for; nil: it is over
	Small    func(*NoRoom)           // told of a disk that may be too small; the build goes on
	Now      func() time.Time
}

// Output is what a build gives.
type Output struct {
	Counts
	Set
	Spans  []Span // what was read
	Folder string // of the files; the caller removes it
	Files  []File
	Reused bool // only what changed since the last run was read
}

// Phase is what a build is doing.
type Phase string

const (
	Reading Phase = "reading"
	Sorting Phase = "sorting"
	Writing Phase = "writing"
)

// Step is news of a build under way.
type Step struct {
	Phase      Phase // that begins, or ""
	Partitions int   // to read, once that is known and whenever there is more; 0: no news
	Total      int64 // offsets to read in them: no fewer than records
	Records    int   // more that were read
	Members    int   // more that were written
}

// builder makes the files of one run.
type builder struct {
	in     Input
	folder Folder
	path   string // of the run's own folder
	memory memory
	spans  []Span // every partition, numbered by its place here; From: where the topic begins
	salt   []byte
	need   int64 // bytes of the disk, about
	people int64 // rows that have lines
}

// Build makes the files of a run in a folder of their own. Everything the next run needs is in the Folder by then. One run
// at a time may work in a Folder. Its error is ctx's or a *pipeline.Trouble; others are of the disk.
func (f Folder) Build(ctx context.Context, in Input) (*Output, error) {
	path, err := f.newRun(in.Run, in.Previous)
	if err != nil {
		return nil, err
	}
	in.Rows = cmp.Or(in.Rows, metrics.NewRows(nil))
	b := &builder{in: in, folder: f, path: path, memory: memory(in.Memory)}
	out, err := b.run(ctx)
	if err != nil {
		err = b.explained(err)
		_ = os.RemoveAll(path)
	}
	return out, err
}

func (b *builder) run(ctx context.Context) (*Output, error) {
	spans, err := b.in.Source.Spans(ctx)
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
	out := &Output{Spans: toRead(spans, known), Folder: b.path, Reused: base != nil}
	if err := b.ensureRoom(base, out); err != nil {
		return nil, err
	}
	lines, err := b.distil(ctx, base, out)
	if err != nil {
		return nil, err
	}
	defer lines.close()
	b.in.Progress(Step{Phase: Writing})
	return out, b.write(ctx, lines, out)
}

// distil reads the topic and gives the lines of its rows as they are now, some of them several times.
func (b *builder) distil(ctx context.Context, base *spill, out *Output) (*spill, error) {
	entries, err := newNameless(filepath.Join(b.path, "entries"))
	if err != nil {
		return nil, err
	}
	defer entries.close()
	marks, err := loadMarks(ctx, b.in.Marks, b.in.Mapping, b.spans)
	if err != nil {
		return nil, err
	}
	b.in.Progress(Step{Partitions: len(out.Spans), Total: size(out.Spans)})
	if err := b.readAll(ctx, out, entries, marks); err != nil {
		return nil, err
	}
	b.in.Progress(Step{Phase: Sorting})
	return b.reduce(ctx, base, entries)
}

// readAll reads up to the ends noted at the start, and then what was written in the meantime up to ends noted once more:
// those are the cut (P9). While an hour's worth was read, compaction may have taken records away in favour of later ones
// that lie behind the first ends; it never touches what was written last.
func (b *builder) readAll(ctx context.Context, out *Output, entries *spill, m *marks) (err error) {
	if out.Counts, err = b.collect(ctx, out.Spans, entries, m); err != nil {
		return err
	}
	now, err := b.in.Source.Spans(ctx)
	if err != nil {
		return kafkaTrouble("look up offsets", err)
	}
	rest := b.extend(out, now)
	if size(rest) == 0 {
		return nil
	}
	b.in.Progress(Step{Partitions: len(out.Spans), Total: size(out.Spans)})
	more, err := b.collect(ctx, rest, entries, m)
	out.Counts.plus(&more)
	return err
}

// extend moves the cut to the present ends and gives what is between. Partitions that are new wait for the next run.
func (b *builder) extend(out *Output, now []Span) (rest []Span) {
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
func (b *builder) openBase(spans []Span) (*spill, []Span) {
	run := b.folder.newestBase()
	if b.in.Rebuild || run == "" {
		return nil, nil
	}
	base, k := openKept(b.folder.join(baseName(run)), b.baseMapping(), b.in.Layout.Width)
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

// baseMapping is what a base must be of to be used again: the mapping, and how its keys were made. Those of earlier versions were
// record keys with their framing, and count a row twice.
func (b *builder) baseMapping() string { return b.in.Mapping + " by identity" }
