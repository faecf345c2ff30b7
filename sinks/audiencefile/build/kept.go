package build

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// kept is what must be known to use a spill again in a later run: it is next to the spill, as <name>.json.
type kept struct {
	Version int
	Mapping string // lines of another mapping are of no use
	Width   int
	Spans   []Span // of the last known state of every key: From is where the topic began, To where the next run goes on
	End     int64
	Chunks  [buckets][]chunk
}

const (
	keptVersion = 1
	indexSuffix = ".json"
)

// keep makes a spill outlive the run. Only once this returns can it be found again.
func (s *spill) keep(k kept) error {
	k.Version, k.End, k.Chunks = keptVersion, s.end, s.chunks
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("describe work file: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("keep work file: %w", err)
	}
	return writeWhole(s.file.Name()+indexSuffix, text)
}

// openKept opens a spill that an earlier run kept, or none: a missing or damaged one is only lost time.
func openKept(path, mapping string, width int) (*spill, *kept) {
	text, err := os.ReadFile(path + indexSuffix)
	k := &kept{}
	if err != nil || json.Unmarshal(text, k) != nil || k.Version != keptVersion || k.Mapping != mapping || k.Width != width {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	if info, err := f.Stat(); err != nil || info.Size() != k.End {
		_ = f.Close()
		return nil, nil
	}
	return &spill{file: f, end: k.End, chunks: k.Chunks}, k
}

// writeWhole writes a file so that it is there as a whole or not at all.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // private: CreateTemp makes files 0600
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
