package audiencefile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TestAFullDiskIsNamedAndTheUploadGoesOnOnceThereIsRoom works on a disk of its own, which root alone may make.
func TestAFullDiskIsNamedAndTheUploadGoesOnOnceThereIsRoom(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a disk of its own: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(disk)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = i.Serve(ctx); close(ended) }()
		<-time.After(25 * time.Hour)
		troubles := i.status.Troubles("lapsed")
		if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleDisk || troubles[0].Stop ||
			!strings.Contains(troubles[0].What, "the disk is full") || !strings.Contains(troubles[0].What, "work folder "+disk) {
			t.Errorf("got troubles %v, want one of a full disk that names %s", troubles, disk)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Minute)
		w.holdsTheTable()
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 0 {
			t.Errorf("got troubles %v once there was room, want none", troubles)
		}
		stop()
		<-ended
	})
}
