package audiencefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClearIdentifiersStandNowhere drives marked rows through runs that end well and badly and looks at everything that is
// written while they go on: every file in the work folder, the log, the metrics, the state topic, the status and the
// requests (P3). Files and folders must be private, and gone at the end.
func TestClearIdentifiersStandNowhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		const mark = "secretmark"
		for k := range 1050 {
			w.topic.write(fmt.Sprintf("key-%s-%d", mark, k), fmt.Sprintf("c|%s%d@example.com|true", mark, k))
		}
		w.topic.write(mark+"-key", "c|"+mark+"|true")
		w.topic.write(mark+"-key-2", mark)
		folder := tempDir(t)
		i := w.instance(folder)
		files := 0
		w.crash = func(string) error {
			files += lookAt(t, folder, mark)
			return nil
		}
		m := i.upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		for k := range 1000 {
			w.topic.write(fmt.Sprintf("key-%s-%d", mark, k), "")
		}
		i.upload(TooSmall, Options{})
		w.crash = nil
		if files == 0 {
			t.Error("no file was looked at")
		}
		var metrics bytes.Buffer
		families, err := i.counts.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			fmt.Fprintln(&metrics, f)
		}
		var said bytes.Buffer
		for _, r := range w.state.records {
			fmt.Fprintf(&said, "%s %s\n", r.Key, r.Value)
		}
		fmt.Fprintln(&said, i.log.String(), metrics.String(), m, i.Progress())
		for _, trouble := range i.status.Troubles("lapsed") {
			fmt.Fprintln(&said, trouble.What)
		}
		noMark(t, "what was said", said.Bytes(), mark)
		for _, c := range w.tiktok.Calls() {
			noMark(t, "a request", c.Body, mark)
		}
		left, err := filepath.Glob(filepath.Join(folder, "lapsed", "run-*"))
		if err != nil || len(left) != 0 {
			t.Errorf("files are left behind: %v", left)
		}
	})
}

// workFolder is the sync's own, in the folder of all.
func workFolder(t *testing.T, of string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(of, "lapsed-*"))
	if err != nil || len(found) > 1 {
		t.Fatalf("got work folders %v, %v; want one", found, err)
	}
	return strings.Join(found, "")
}

// lookAt looks at all files there are and returns their number.
func lookAt(t *testing.T, folder, mark string) (n int) {
	t.Helper()
	err := filepath.WalkDir(workFolder(t, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // not made yet, or gone meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it: %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		n++
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		noMark(t, path, content, mark)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// noMark fails for the mark itself, in either encoding, and for a plain hash of a key, which would give the key away.
func noMark(t *testing.T, what string, content []byte, mark string) {
	t.Helper()
	key := sha256.Sum256([]byte("key-" + mark + "-7"))
	for _, bad := range [][]byte{[]byte(mark), []byte(hex.EncodeToString([]byte(mark))), key[:8]} {
		if bytes.Contains(bytes.ToLower(content), bytes.ToLower(bad)) {
			t.Errorf("%s holds clear data", what)
		}
	}
}

func TestWhatACrashLeftIsSweptAtTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		old := filepath.Join(workFolder(t, i.folder), "run-19990101T000000.000000Z-AAAAAA")
		if err := os.MkdirAll(old, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"part-0001.csv", "entries"} {
			if err := os.WriteFile(filepath.Join(old, name), []byte("hashes"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(25 * time.Hour)
		i.upload(Unchanged, Options{})
		if _, err := os.Stat(old); err == nil {
			t.Error("a crashed run's folder is still there")
		}
		names, err := filepath.Glob(filepath.Join(workFolder(t, i.folder), "*"))
		if err != nil || len(names) != 5 { // salt, base and members with their indexes
			t.Errorf("got %s in the folder", strings.Join(names, " "))
		}
	})
}
