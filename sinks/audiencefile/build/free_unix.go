//go:build linux || darwin

package build

import "syscall"

// freeBytes is what this user may still write to the disk of a folder, -1 if that is not known.
func freeBytes(path string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(path, &s) != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
