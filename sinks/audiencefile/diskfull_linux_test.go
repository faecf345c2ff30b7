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

// smallDisk is a disk of its own, which root alone may make.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a disk of its own: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// fill leaves this number of bytes free; -1 makes room again.
func fill(t *testing.T, disk string, left int64) {
	t.Helper()
	ballast := filepath.Join(disk, "ballast")
	if left < 0 {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		return
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(disk, &s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ballast, make([]byte, int64(s.Bavail)*s.Bsize-left), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAFullDiskIsNamedAndTheUploadGoesOnOnceThereIsRoom fills the disk before anything is built.
func TestAFullDiskIsNamedAndTheUploadGoesOnOnceThereIsRoom(t *testing.T) {
	disk := smallDisk(t, "4m")
	fill(t, disk, 0)
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
			!strings.Contains(troubles[0].What, "the disk is full") || !strings.Contains(troubles[0].What, "0.0 MB is free") || !strings.Contains(troubles[0].What, "work folder "+disk) {
			t.Errorf("got troubles %v, want one of a full disk that names %s", troubles, disk)
		}
		fill(t, disk, -1)
		<-time.After(6 * time.Minute)
		w.holdsTheTable()
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 0 {
			t.Errorf("got troubles %v once there was room, want none", troubles)
		}
		stop()
		<-ended
	})
}
