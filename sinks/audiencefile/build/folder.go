package build

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is where one sync's runs work. No other user may read it. Each run has a folder of its own in it, which goes with
// the run, or with the next one after a crash.
type Folder struct{ path string }

// Open makes the folder if it is not there.
func Open(path string) (Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return Folder{}, fmt.Errorf("make work folder: %w", err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return Folder{}, fmt.Errorf("make work folder private: %w", err)
	}
	return Folder{path}, nil
}

func (f Folder) join(name string) string { return filepath.Join(f.path, name) }

// newRun makes the run's own folder and sweeps what crashed runs left.
func (f Folder) newRun(run, previous string) (string, error) {
	if err := f.Sweep(previous); err != nil {
		return "", err
	}
	path := f.join(runPrefix + run)
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", fmt.Errorf("make run folder: %w", err)
	}
	return path, nil
}

const runPrefix = "run-"

// Sweep removes everything but the salt, the newest base, and what the named runs uploaded. No build may be under way.
func (f Folder) Sweep(uploads ...string) error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("read work folder: %w", err)
	}
	keep := []string{saltName, baseName(f.newestBase())}
	for _, run := range uploads {
		keep = append(keep, membersName(run))
	}
	for _, e := range entries {
		if slices.Contains(keep, strings.TrimSuffix(e.Name(), indexSuffix)) {
			continue
		}
		if err := os.RemoveAll(f.join(e.Name())); err != nil {
			return fmt.Errorf("sweep work folder: %w", err)
		}
	}
	return nil
}

const basePrefix = "base-"

func baseName(run string) string    { return basePrefix + run }
func membersName(run string) string { return "members-" + run }

// newestBase is the run whose last known state of every key is there. Runs are named by their time.
func (f Folder) newestBase() (run string) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		name, isBase := strings.CutPrefix(e.Name(), basePrefix)
		if name, hasIndex := strings.CutSuffix(name, indexSuffix); isBase && hasIndex && name > run {
			run = name
		}
	}
	return run
}

const saltName = "salt"

// salt makes the digests of keys mean nothing outside this folder: keys are often numbers, which a plain hash does not
// hide.
func (f Folder) salt() ([]byte, error) {
	salt, err := os.ReadFile(f.join(saltName))
	if err == nil && len(salt) == 32 {
		return salt, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read salt: %w", err)
	}
	salt = make([]byte, 32)
	rand.Read(salt)
	return salt, writeWhole(f.join(saltName), salt)
}
