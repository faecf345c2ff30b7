//go:build synctests

package truth

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const uploaded = `
  - name: %s
    topics: [%s]
    before_image: %s
    audience_file:
      audience: {name: %s}
      identifier: {EMAIL_SHA256: email, PHONE_SHA256: phone}
      member_when: %s
      schedule: "0 3 * * *"
      work_folder: %s
      keep_state: %t
      guard: {min_members: 1, max_shrink: 100%%, max_rejected: 100%%}
`

func (w *world) fileText(b *strings.Builder, a *audience) {
	fmt.Fprintf(b, uploaded, a.name, strings.Join(a.topics(), ", "), w.beforeImage(), a.name, a.column, tempDir(w.T), w.rand.IntN(4) > 0)
}

// tempDir is a folder in memory where the system has a place for that: builds sync what they keep, and disks are slow.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tokrelay-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// twoDays are how long it takes at most until an upload is due that TikTok takes: one a day.
const twoDays = 50 * time.Hour

// settleFiles waits for an upload that begins once all is quiet. One member of the audience is left at least: an upload of
// nothing is refused.
func (w *world) settleFiles() {
	w.Helper()
	for len(w.audiences[0].truth()) == 0 {
		w.insert(w.tables[0])
		w.flush()
	}
	w.quiet()
	for began := time.Now(); time.Since(began) < twoDays && w.differs() != nil; {
		<-time.After(time.Hour)
	}
}
