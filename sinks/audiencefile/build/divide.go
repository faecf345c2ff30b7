package build

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// division works through the buckets of some spills, several at a time. A bucket too large for memory is first divided
// by the next byte of its records' hashes.
type division struct {
	folder  string
	limit   int64 // bytes of a bucket that fit in memory
	workers int
	cut     func(records []byte) (record, rest []byte)
	byteAt  func(record []byte, level int) byte
	work    func(worker int, sources []*spill, bucket int) error
	made    atomic.Int64
}

// deepest is how often a bucket is divided. What is still large then is a few keys with very many records, which cost
// time and no memory.
const deepest = 3

func (d *division) run(ctx context.Context, sources []*spill) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for worker := range d.workers {
		group.Go(func() error {
			for bucket := int(next.Add(1)) - 1; bucket < buckets; bucket = int(next.Add(1)) - 1 {
				if err := d.bucket(ctx, worker, sources, bucket, 0); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (d *division) bucket(ctx context.Context, worker int, sources []*spill, bucket, level int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var bytes int64
	for _, s := range sources {
		bytes += s.size(bucket)
	}
	switch {
	case bytes == 0:
		return nil
	case bytes <= d.limit || level == deepest:
		return d.work(worker, sources, bucket)
	}
	return d.divide(ctx, worker, sources, bucket, level+1)
}

func (d *division) divide(ctx context.Context, worker int, sources []*spill, bucket, level int) error {
	parts := make([]*spill, len(sources))
	defer func() {
		for _, p := range parts {
			if p != nil {
				p.close()
			}
		}
	}()
	for i, s := range sources {
		if s == nil {
			continue
		}
		var err error
		if parts[i], err = d.dealt(s, bucket, level); err != nil {
			return err
		}
	}
	for sub := range buckets {
		if err := d.bucket(ctx, worker, parts, sub, level); err != nil {
			return err
		}
	}
	return nil
}

// dealt is a bucket as a spill of its own, by the byte at a level.
func (d *division) dealt(s *spill, bucket, level int) (*spill, error) {
	into, err := newNameless(filepath.Join(d.folder, fmt.Sprintf("division-%d", d.made.Add(1))))
	if err != nil {
		return nil, err
	}
	w, buf := into.writer(8<<10), []byte(nil)
	err = s.each(bucket, &buf, func(records []byte) error {
		for len(records) > 0 {
			var record []byte
			record, records = d.cut(records)
			if err := w.put(int(d.byteAt(record, level)), record); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		into.close()
		return nil, err
	}
	return into, nil
}

// memory is what a build may use, in bytes. A quarter goes to buffers of files being written, half to the tables of
// buckets in memory; the rest is for what Go and the reader need.
type memory int64

// buffer is the bytes each bucket of a writer holds back, with this number of writers at once.
func (m memory) buffer(writers int) int {
	return int(min(64<<10, max(2<<10, int64(m)/4/int64(writers*buckets))))
}

// entries is how many bytes of entries fit in memory at once, as winners: those take up to three times their bytes.
func (m memory) entries(workers int) int64 { return int64(m) / 2 / int64(workers) / 3 }

// lines is how many bytes of lines fit in memory at once, as a lineSet of up to twice their bytes.
func (m memory) lines(workers int) int64 { return int64(m) / 2 / int64(workers) / 2 }
