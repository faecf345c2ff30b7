package build

import "context"

// write drops repeated lines, compares with the previous upload and writes the files.
func (b *builder) write(ctx context.Context, lines *spill, out *Output) error {
	parallel := b.in.Parallel
	if lines.end < 16<<20 {
		parallel = 1 // one file, not several small ones
	}
	total := lines.end / int64(b.in.Layout.Width)
	w := &writing{builder: b, output: newOutput(b.path, &b.in.Layout, b.in.FileSize, total, parallel)}
	previous, _ := openKept(b.folder.join(membersName(b.in.Previous)), b.in.Layout.name(), b.in.Layout.Width)
	if previous != nil {
		defer previous.close()
	}
	if b.in.Keep {
		var err error
		if w.members, err = newSpill(b.folder.join(membersName(b.in.Run))); err != nil {
			return err
		}
		defer w.members.close()
	}
	if err := w.run(ctx, parallel, []*spill{lines, previous}); err != nil {
		return err
	}
	out.Set, out.Files = w.set(previous != nil), w.output.list()
	if w.members == nil {
		return nil
	}
	return w.members.keep(kept{Mapping: b.in.Layout.name(), Width: b.in.Layout.Width})
}

// writing is the third pass.
type writing struct {
	builder *builder
	output  *output
	members *spill
	workers []*writer
}

type writer struct {
	writing *writing
	seen    lineSet
	files   filesWriter
	members *spillWriter
	buf     []byte
	Set
	digest setDigest
}

func (w *writing) run(ctx context.Context, parallel int, sources []*spill) error {
	b := w.builder
	width := b.in.Layout.Width
	for range parallel {
		one := &writer{writing: w, seen: lineSet{width: width}, files: filesWriter{output: w.output}}
		if w.members != nil {
			one.members = w.members.writer(b.memory.buffer(parallel))
		}
		w.workers = append(w.workers, one)
	}
	d := &division{folder: b.path, limit: b.memory.lines(parallel), workers: parallel,
		cut:    func(records []byte) (_, _ []byte) { return records[:width], records[width:] },
		byteAt: func(record []byte, level int) byte { return byte(scatter(record) >> (56 - 8*level)) },
		work: func(worker int, sources []*spill, bucket int) error {
			return w.workers[worker].bucket(sources[0], sources[1], bucket)
		}}
	if err := d.run(ctx, sources); err != nil {
		return err
	}
	for _, one := range w.workers {
		if err := one.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) bucket(lines, previous *spill, bucket int) error {
	w.seen.reset()
	if err := lines.each(bucket, &w.buf, w.add); err != nil {
		return err
	}
	w.Members += int64(w.seen.n)
	w.writing.builder.in.Progress(Step{Members: w.seen.n})
	for i := range uint32(w.seen.n) {
		line := w.seen.line(i)
		w.digest.add(line)
		w.Identifiers += w.writing.builder.in.Layout.digests(line)
		if err := w.files.line(line); err != nil {
			return err
		}
		if w.members != nil {
			if err := w.members.put(int(scatter(line)>>56), line); err != nil {
				return err
			}
		}
	}
	return previous.each(bucket, &w.buf, w.compare)
}

func (w *writer) add(records []byte) error {
	for width := w.seen.width; len(records) > 0; records = records[width:] {
		if !w.seen.add(records[:width]) {
			w.Duplicates++
		}
	}
	return nil
}

// compare counts lines of the previous upload. They are distinct, and so are ours.
func (w *writer) compare(records []byte) error {
	for width := w.seen.width; len(records) > 0; records = records[width:] {
		if w.seen.has(records[:width]) {
			w.Unchanged++
		} else {
			w.Removed++
		}
	}
	return nil
}

func (w *writer) finish() error {
	if w.members != nil {
		if err := w.members.flush(); err != nil {
			return err
		}
	}
	return w.files.close()
}

func (w *writing) set(compared bool) (all Set) {
	digest := setDigest{}
	for _, one := range w.workers {
		all.Members += one.Members
		all.Identifiers += one.Identifiers
		all.Duplicates += one.Duplicates
		all.Removed += one.Removed
		all.Unchanged += one.Unchanged
		digest.plus(&one.digest)
	}
	if all.Compared = compared; compared {
		all.Added = all.Members - all.Unchanged
	}
	all.Digest, all.People = digest.String(), w.builder.people
	return all
}
