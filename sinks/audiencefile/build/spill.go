package build

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// buckets is how many parts a spill has. Records belong to a bucket by a byte of a hash, so buckets are equally large and
// one of them fits in memory where the whole does not.
const buckets = 256

// spill is a file of records in buckets. Each bucket is a list of chunks, wherever they are in the file, so that one
// file open once takes all of them. What one writer adds to a bucket is read in the order it was added.
type spill struct {
	file *os.File

	mu     sync.Mutex
	end    int64
	chunks [buckets][]chunk
}

type chunk struct {
	At   int64
	Size int32
}

// newSpill makes a file that no other user can read; it must not be there yet.
func newSpill(path string) (*spill, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create work file: %w", err)
	}
	return &spill{file: f}, nil
}

// newNameless makes a spill whose file is gone with the process, however it ends.
func newNameless(path string) (*spill, error) {
	s, err := newSpill(path)
	if err != nil {
		return nil, err
	}
	// Where a file that is open cannot be removed, the folder is swept before the next run.
	_ = os.Remove(path)
	return s, nil
}

func (s *spill) close() { _ = s.file.Close() }

func (s *spill) add(bucket int, records []byte) error {
	s.mu.Lock()
	at := s.end
	s.end += int64(len(records))
	s.chunks[bucket] = append(s.chunks[bucket], chunk{at, int32(len(records))})
	s.mu.Unlock()
	if _, err := s.file.WriteAt(records, at); err != nil {
		return fmt.Errorf("write work file: %w", err)
	}
	return nil
}

// size is the number of bytes in a bucket. A nil spill is empty.
func (s *spill) size(bucket int) (n int64) {
	if s == nil {
		return 0
	}
	for _, c := range s.chunks[bucket] {
		n += int64(c.Size)
	}
	return n
}

// each calls f with the bucket's chunks, which hold whole records. Nothing may be added meanwhile. A nil spill is empty.
func (s *spill) each(bucket int, buf *[]byte, f func(records []byte) error) error {
	if s == nil {
		return nil
	}
	for _, c := range s.chunks[bucket] {
		if cap(*buf) < int(c.Size) {
			*buf = make([]byte, c.Size)
		}
		records := (*buf)[:c.Size]
		if _, err := s.file.ReadAt(records, c.At); err != nil && err != io.EOF {
			return fmt.Errorf("read work file: %w", err)
		}
		if err := f(records); err != nil {
			return err
		}
	}
	return nil
}

// spillWriter adds records to a spill, for one goroutine. flush must be called at the end.
type spillWriter struct {
	spill *spill
	limit int
	bufs  [buckets][]byte
}

// writer makes a writer that holds back up to limit bytes a bucket.
func (s *spill) writer(limit int) *spillWriter { return &spillWriter{spill: s, limit: limit} }

// room returns where n bytes of the bucket's next record go.
func (w *spillWriter) room(bucket, n int) ([]byte, error) {
	b := w.bufs[bucket]
	if len(b)+n > w.limit && len(b) > 0 {
		if err := w.spill.add(bucket, b); err != nil {
			return nil, err
		}
		b = b[:0]
	}
	if cap(b) < len(b)+n {
		b = append(make([]byte, 0, max(len(b)+n, min(w.limit, max(2*cap(b), 512)))), b...)
	}
	b = b[:len(b)+n]
	w.bufs[bucket] = b
	return b[len(b)-n:], nil
}

func (w *spillWriter) put(bucket int, record []byte) error {
	room, err := w.room(bucket, len(record))
	copy(room, record)
	return err
}

func (w *spillWriter) flush() error {
	for i, b := range w.bufs {
		if len(b) == 0 {
			continue
		}
		if err := w.spill.add(i, b); err != nil {
			return err
		}
		w.bufs[i] = b[:0]
	}
	return nil
}
