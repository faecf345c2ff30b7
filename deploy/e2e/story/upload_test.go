//go:build e2e

package story

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// An upload that meets a frozen broker says so and sends nothing. The next one has the broker restarted while TikTok takes
// its time with the file: it ends well, or, where the broker takes longer, says that it failed, and one more does. Then the
// audience is what SQL says, and the ledger in Kafka knows of the one upload.
func TestAFileUploadOutlastsTheBrokersFaults(t *testing.T) {
	f := newFlow(t, "upload", options{timeout: 30, syncs: fileSync, env: []string{"WORK_FOLDER=" + t.TempDir()}})
	f.source.exec(t, "INSERT INTO people SELECT n, 'bulk' || n || '@example.com', true FROM generate_series(500000, 502000) n")
	f.day()
	f.start()
	f.underWay()
	f.laws()
	slow := f.tiktok.AddFault(sandbox.Fault{Endpoint: "/dmp/custom_audience/file/upload/", Delay: 20 * time.Second})

	stack(t, "signal", "STOP", "kafka")
	upload := program.Start(t, f.command("audience", "upload", "--sync", "everybody"))
	if code := upload.Exit(); code == 0 || !strings.Contains(upload.Said(), "Kafka") || f.fired(slow) {
		t.Errorf("exit code %d of an upload whose broker is frozen; it said:\n%s", code, upload.Said())
	}
	stack(t, "signal", "CONT", "kafka")

	upload = program.Start(t, f.command("audience", "upload", "--sync", "everybody"))
	until(t, "TikTok takes its time with the file", func() bool { return f.fired(slow) })
	stack(t, "restart", "kafka")
	if code := upload.Exit(); code != 0 && !strings.Contains(upload.Said(), "failed") {
		t.Fatalf("exit code %d of the upload; it said:\n%s", code, upload.Said())
	} else if code != 0 { // and it could not give its lease back
		until(t, "one more upload ends well", func() bool { return f.command("audience", "upload", "--sync", "everybody").Run() == nil })
	}
	same(t, "lines of the file", f.members("Everybody", "EMAIL_SHA256"), f.source.rows(t, sqlMembers))

	out, err := f.command("audience", "upload", "--sync", "everybody").CombinedOutput()
	if _, ended := err.(*exec.ExitError); !ended || !strings.Contains(string(out), "one upload a day") {
		t.Errorf("a second upload on the same day: %v, want it refused; it said:\n%s", err, out)
	}
	f.day()
	f.laws()
}

// fired reports whether a fault has struck.
func (f *flow) fired(id int) bool {
	for _, state := range f.tiktok.Faults() {
		if state.ID == id {
			return state.Fired > 0
		}
	}
	return false
}
