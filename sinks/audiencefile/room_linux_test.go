package audiencefile

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// What the last run left shows that the next one cannot be built: that is told before anything is read, with the figures.
func TestABuildThatTheDiskCannotHoldIsRefusedBeforeItBegins(t *testing.T) {
	disk := smallDisk(t, "6m")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 8000)
		i := w.instance(disk)
		i.upload(Uploaded, Options{})
		if text := i.log.String(); strings.Contains(text, "may be too small") {
			t.Errorf("a disk of 6 MB is called small for 8000 rows:\n%s", text)
		}
		<-time.After(25 * time.Hour)
		w.people(8000, 8001)
		fill(t, disk, 300<<10)
		reads := 0
		w.crash = func(step string) error {
			if step == "read" {
				reads++
			}
			return nil
		}
		m, _ := i.Run(t.Context(), Options{})
		troubles := i.status.Troubles("lapsed")
		if m.Result != Broken || m.Again.IsZero() || reads > 0 || len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleDisk || troubles[0].Stop ||
			!strings.Contains(troubles[0].What, "need about 1.") || !strings.Contains(troubles[0].What, "0.3 MB is free") || !strings.Contains(troubles[0].What, "work folder "+disk) {
			t.Errorf("got %s after %d reads, again %v, troubles %v; want need, free bytes and folder told before anything is read", m.Result, reads, m.Again, troubles)
		}
		fill(t, disk, -1)
		i.upload(Uploaded, Options{})
		w.holdsTheTable()
	})
}

func TestADiskThatMayBeTooSmallIsLoggedAndTried(t *testing.T) {
	disk := smallDisk(t, "6m")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		for k := range 40_000 { // records of one row: the offsets look like 40,000 rows
			w.topic.write("busy", "c|busy@example.com|true")
			_ = k
		}
		w.topic.compact()
		i := w.instance(disk)
		i.upload(Uploaded, Options{})
		w.holdsTheTable()
		if text := i.log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "may be too small") || !strings.Contains(text, "folder="+disk) {
			t.Errorf("the log does not warn of the disk:\n%s", text)
		}
	})
}
