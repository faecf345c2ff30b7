//go:build synctests

package truth

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

const uploaded = `
  - name: %s
    topics: [%s]
    %s
    audience_file:
      audience: {name: %s}
      %s
      schedule: "0 3 * * *"
      work_folder: %s
      keep_state: %t
      guard: {max_shrink: 100%%, max_rejected: 100%%}
`

func (w *world) fileText(b *strings.Builder, a *audience) {
	fmt.Fprintf(b, uploaded, a.name, strings.Join(a.streams[0].topics(), ", "), w.images(), a.name, w.mapped("identifier", a.streams[0]), tempDir(w.T), w.rand.IntN(4) > 0)
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

// populate writes as many rows as an audience must have for TikTok to use it. The history leaves them alone.
func (w *world) populate() {
	t := w.tables[0]
	for i := range int64(1000) {
		id, name := firstOfPopulation+i, fmt.Sprintf("resident%d@shop.example", i)
		r := row{email: w.meaning(name, name), optIn: true}
		t.population = append(t.population, r)
		w.put(t, id, "r", row{}, r)
	}
	w.flush()
}

const firstOfPopulation = 1_000_000

// nightShift lets things happen while an upload is made.
func (w *world) nightShift() {
	w.night()
	for range w.rand.IntN(6) {
		w.happen()
	}
}

// awaitUpload waits for an upload that begins once all is quiet. TikTok takes one a day, and what an earlier one left may be
// made up for first.
func (w *world) awaitUpload() {
	w.Helper()
	for range 3 {
		w.night()
		w.quiet()
		for range 30 {
			if <-time.After(time.Minute); w.differs() == nil {
				return
			}
		}
	}
}

// night sends everyone home and lets the hours pass until an upload is due: an idle daemon of virtual time costs real time.
func (w *world) night() {
	w.quiet()
	for _, m := range virtual.Running(w.filler.members) {
		m.Leave()
	}
	now := time.Now().UTC()
	due := time.Date(now.Year(), now.Month(), now.Day(), 3, 0, 0, 0, time.UTC)
	if !due.After(now) {
		due = due.AddDate(0, 0, 1)
	}
	<-time.After(due.Sub(now) - time.Minute)
	w.join()
}
