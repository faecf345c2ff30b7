package build

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	MaxFileSize = 240e6 // TikTok takes 250 MB
	maxFiles    = 50    // TikTok asks for no more in one call
)

// File is one file of an upload.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Lines int64  `json:"lines"`
	MD5   string `json:"md5"`
	Path  string `json:"file_path,omitempty"` // what TikTok calls it
}

// output is the files of an upload while they are written.
type output struct {
	folder string
	layout *Layout
	limit  int64 // bytes of a file

	mu    sync.Mutex
	begun int
	files []File
}

// newOutput makes room for at most this number of lines.
func newOutput(folder string, l *Layout, fileSize, lines int64, writers int) *output {
	few := lines * int64(l.textSize()) / int64(maxFiles-writers)
	return &output{folder: folder, layout: l, limit: min(max(fileSize, few), MaxFileSize)}
}

// list are the finished files in the order of their names.
func (o *output) list() []File {
	slices.SortFunc(o.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return o.files
}

// filesWriter writes lines to files of its own, for one goroutine.
type filesWriter struct {
	output *output
	now    File
	file   *os.File
	sum    hash.Hash
	buf    []byte
}

const writeSize = 128 << 10

func (w *filesWriter) line(line []byte) error {
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	w.buf = append(w.output.layout.AppendText(w.buf, line), '\n')
	w.now.Lines++
	full := w.now.Bytes+int64(len(w.buf)+w.output.layout.textSize()) > w.output.limit
	if len(w.buf) < writeSize && !full {
		return nil
	}
	if err := w.flush(); err != nil || !full {
		return err
	}
	return w.close()
}

func (w *filesWriter) open() (err error) {
	w.output.mu.Lock()
	w.output.begun++
	w.now = File{Name: fmt.Sprintf("part-%04d.csv", w.output.begun)}
	w.output.mu.Unlock()
	if w.file, err = os.OpenFile(filepath.Join(w.output.folder, w.now.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return fmt.Errorf("create upload file: %w", err)
	}
	w.sum, w.buf = md5.New(), append(w.buf[:0], w.output.layout.Header...)
	return nil
}

func (w *filesWriter) flush() error {
	if _, err := w.file.Write(w.buf); err != nil {
		return fmt.Errorf("write upload file: %w", err)
	}
	w.sum.Write(w.buf)
	w.now.Bytes += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// close finishes the file under way, if any.
func (w *filesWriter) close() error {
	if w.file == nil {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("close upload file: %w", err)
	}
	w.file = nil
	w.now.MD5 = hex.EncodeToString(w.sum.Sum(nil))
	w.output.mu.Lock()
	defer w.output.mu.Unlock()
	w.output.files = append(w.output.files, w.now)
	return nil
}
