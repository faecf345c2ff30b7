package build

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// NoRoom says that the disk cannot hold a build. Err is what it answered; nil where nothing was begun, because it is too
// small for what the last run left in the folder.
type NoRoom struct {
	Need int64 // bytes, about; where every record is of a row of its own, if nothing better is known
	Free int64 // bytes; -1 if that is not known
	Err  error
}

func (e *NoRoom) Error() string {
	free := "an unknown amount"
	if e.Free >= 0 {
		free = bytesOf(e.Free)
	}
	return fmt.Sprintf("the audience's files need about %s and %s is free", bytesOf(e.Need), free)
}

func (e *NoRoom) Unwrap() error { return e.Err }

func bytesOf(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// ensureRoom refuses a build for which there is no room although it finds no more rows than the last one did. What nothing
// was kept of may be any number of rows: then a disk that may be too small is only told.
func (b *builder) ensureRoom(base *spill, out *Output) error {
	free, lines := freeBytes(b.path), sizeOf(b.folder.join(membersName(b.in.Previous)))/int64(b.in.Layout.Width)
	rows := size(out.Spans)
	b.need = b.written(rows)
	if base != nil {
		least := base.end + lines*b.ofLine()
		b.need = rows*int64(entryHead+b.in.Layout.Width) + least
		if free >= 0 && least > free {
			return &NoRoom{Need: least, Free: free}
		}
	}
	if free >= 0 && b.need > free {
		b.in.Small(&NoRoom{Need: b.need, Free: free})
	}
	return nil
}

// written is what a build writes of rows with one line each.
func (b *builder) written(rows int64) int64 {
	entry := int64(entryHead + b.in.Layout.Width)
	if b.in.Keep {
		return rows * (2*entry + b.ofLine())
	}
	return rows * (entry + b.ofLine())
}

// ofLine is what a build writes of one line: as it is, in the file, and where it is kept for the next run.
func (b *builder) ofLine() int64 {
	n := int64(b.in.Layout.Width + b.in.Layout.textSize())
	if b.in.Keep {
		n += int64(b.in.Layout.Width)
	}
	return n
}

// explained adds what a build needs to the error of a full disk.
func (b *builder) explained(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &NoRoom{Need: b.need, Free: freeBytes(b.folder.path), Err: err}
	}
	return err
}

// sizeOf is the size of a file, 0 if it is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
