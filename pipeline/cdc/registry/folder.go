package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Folder gives schemas from files, for topics without a registry. A file is named by its schema's id (42.avsc) or GUID, or
// anything else; every schema is also found by its fingerprint and, the one of a file without an id first, by its full
// name. Types that a file uses and does not define are taken from the others by full name. A file that is added later is
// seen when an id is missing.
type Folder struct {
	dir string

	mu   sync.Mutex // guards what follows
	seen []fileStamp
	byID map[ID]*avro.Source
}

// fileStamp reports whether a file changed.
type fileStamp struct {
	name string
	size int64
	at   time.Time
}

const maxFolderFiles = 10_000

// OpenFolder reads all *.avsc files of a folder. Every one must be a schema.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{dir: dir}
	if err := f.read(); err != nil {
		return nil, fmt.Errorf("read schema_registry.folder: %w", err)
	}
	return f, nil
}

// find gives the schema of an id, or nil.
func (f *Folder) find(id ID) *avro.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	if src := f.byID[id]; src != nil {
		return src
	}
	stamps, err := f.stamps()
	if err != nil || slices.Equal(stamps, f.seen) {
		return nil
	}
	// A file that is half written is read the next time.
	if err := f.read(); err != nil {
		return nil
	}
	return f.byID[id]
}

func (f *Folder) stamps() ([]fileStamp, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var stamps []fileStamp
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && !e.IsDir() && filepath.Ext(e.Name()) == ".avsc" {
			stamps = append(stamps, fileStamp{e.Name(), info.Size(), info.ModTime()})
		}
	}
	if len(stamps) > maxFolderFiles {
		return nil, fmt.Errorf("more than %d files", maxFolderFiles)
	}
	return stamps, nil
}

func (f *Folder) read() error {
	stamps, err := f.stamps()
	if err != nil {
		return err
	}
	files := make([]*folderFile, len(stamps))
	for i, s := range stamps {
		if files[i], err = readFolderFile(os.DirFS(f.dir), s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	byID, err := indexed(files)
	if err == nil {
		f.seen, f.byID = stamps, byID
	}
	return err
}

// indexed connects the files and lists every schema under all its ids.
func indexed(files []*folderFile) (map[ID]*avro.Source, error) {
	byName := map[string]*folderFile{}
	for _, f := range files {
		if known := byName[f.name]; known == nil || known.id().Kind != NoSchema {
			byName[f.name] = f
		}
	}
	byID := map[ID]*avro.Source{}
	for _, f := range files {
		src := &avro.Source{Text: f.text, ID: f.stem}
		f.connect(byName, map[*folderFile]bool{f: true}, &src.References)
		if _, err := avro.Parse(src); err != nil {
			return nil, fmt.Errorf("%s.avsc: %w", f.stem, err)
		}
		f.list(src, byName[f.name] == f, byID)
	}
	return byID, nil
}
