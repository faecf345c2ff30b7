package daemon

import (
	"flag"
	"os"
	"testing"
)

// TestMain has many tests run at a time, unless -parallel says how many: most wait for intervals, and each has a broker of its own.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
