package build

import (
	"context"
	"path/filepath"
	"time"
)

// forgetAfter is how long a key that is gone is remembered: as long as a record of another partition may be late.
const forgetAfter = 7 * 24 * time.Hour

// reduce keeps the latest change of every key and spills their lines.
func (b *builder) reduce(ctx context.Context, base, entries *spill) (*spill, error) {
	lines, err := newNameless(filepath.Join(b.path, "lines"))
	if err != nil {
		return nil, err
	}
	r := &reduction{builder: b, lines: lines, forget: orderOf(b.in.Now().Add(-forgetAfter).UnixMilli(), 0)}
	if b.in.Keep {
		if r.base, err = newSpill(b.folder.join(baseName(b.in.Run))); err != nil {
			lines.close()
			return nil, err
		}
		defer r.base.close()
	}
	if err := r.run(ctx, []*spill{base, entries}); err != nil {
		lines.close()
		return nil, err
	}
	if r.base != nil {
		// The order of the partitions is what the entries' numbers mean.
		err = r.base.keep(kept{Mapping: b.baseMapping(), Width: b.in.Layout.Width, Spans: b.spans})
	}
	return lines, err
}

// reduction is the second pass.
type reduction struct {
	builder     *builder
	lines, base *spill
	forget      uint64
	workers     []*reducer
}

type reducer struct {
	people  int64
	winners winners
	lines   *spillWriter
	base    *spillWriter
	buf     []byte
}

func (r *reduction) run(ctx context.Context, sources []*spill) error {
	b := r.builder
	width, buffer := b.in.Layout.Width, b.memory.buffer(2*b.in.Parallel)
	for range b.in.Parallel {
		w := &reducer{winners: winners{width: width}, lines: r.lines.writer(buffer)}
		if r.base != nil {
			w.base = r.base.writer(buffer)
		}
		r.workers = append(r.workers, w)
	}
	d := &division{folder: b.path, limit: b.memory.entries(b.in.Parallel), workers: b.in.Parallel, work: r.bucket,
		cut:    func(records []byte) (_, _ []byte) { return cutEntry(records, width) },
		byteAt: func(record []byte, level int) byte { return record[level] }}
	if err := d.run(ctx, sources); err != nil {
		return err
	}
	for _, w := range r.workers {
		b.people += w.people
		if err := w.lines.flush(); err != nil {
			return err
		}
		if w.base != nil {
			if err := w.base.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reduction) bucket(worker int, sources []*spill, bucket int) error {
	w := r.workers[worker]
	w.winners.reset()
	for _, s := range sources {
		if err := s.each(bucket, &w.buf, w.add); err != nil {
			return err
		}
	}
	for i := range w.winners.list {
		if err := r.emit(w, &w.winners.list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *reducer) add(records []byte) error {
	for len(records) > 0 {
		var e entry
		e, records = cutEntry(records, w.winners.width)
		w.winners.add(e)
	}
	return nil
}

func (r *reduction) emit(w *reducer, e *winner) error {
	lines := w.winners.linesOf(e)
	if len(lines) > 0 {
		w.people++
	}
	if w.base != nil && (e.count > 0 || e.order >= r.forget) {
		out, err := w.base.room(int(e.key[0]), entryHead+len(lines))
		if err != nil {
			return err
		}
		entry(out).setHead(e.key, e.order, int(e.count))
		copy(out[entryHead:], lines)
	}
	for len(lines) > 0 {
		line := lines[:w.winners.width]
		if err := w.lines.put(int(scatter(line)>>56), line); err != nil {
			return err
		}
		lines = lines[w.winners.width:]
	}
	return nil
}
