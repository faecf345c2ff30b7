//go:build !synctests

package lawtest

import (
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

var (
	runs = flag.Int("runs", 0, "runs of the model tests; 0: a few")
	seed = flag.Uint64("seed", 0, "seed of the model tests; 0: a new one")
	same = flag.Bool("same", false, "every run with the same seed")
)

func TestTheLawsHoldUnderVirtualTime(t *testing.T) {
	args := []string{"test", "-race", "-tags", "synctests", "."}
	if testing.Verbose() {
		args = append(args, "-v")
	}
	args = append(args, "-args", "-runs", strconv.Itoa(*runs), "-seed", strconv.FormatUint(*seed, 10), "-same="+strconv.FormatBool(*same))
	test := exec.CommandContext(t.Context(), "go", args...)
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	if err := test.Run(); err != nil {
		t.Errorf("go %v: %v", args, err)
	}
}
