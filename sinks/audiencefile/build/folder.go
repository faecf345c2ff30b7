package audiencefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// folder is where one sync's runs work. Nobody else may read it. Each run has a folder of its own in it, which goes with
// the run, or with the next one after a crash.
type folder struct{ path string }

func openFolder(path string) (folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return folder{}, fmt.Errorf("make work folder: %w", err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return folder{}, fmt.Errorf("make work folder private: %w", err)
	}
	return folder{path}, nil
}

func (f folder) join(name string) string { return filepath.Join(f.path, name) }

// begin makes the run's own folder and sweeps what crashed runs left. Only the one active uploader may call it.
func (f folder) begin(run string, uploads ...string) (string, error) {
	if err := f.sweep(uploads...); err != nil {
		return "", err
	}
	path := f.join(runPrefix + run)
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", fmt.Errorf("make run folder: %w", err)
	}
	return path, nil
}

const runPrefix = "run-"

// sweep removes everything but the salt, the newest base, and what the named runs uploaded.
func (f folder) sweep(uploads ...string) error {
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
func (f folder) newestBase() (run string) {
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

// salt makes the digests of keys mean nothing outside this folder: keys are often numbers, which a plain hash hides from
// nobody.
func (f folder) salt() ([]byte, error) {
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
