package router

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestATruncatedTableIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.decode = func(row int) error {
			if row == 1 {
				return pipeline.SkipTruncate
			}
			return pipeline.SkipTombstone
		}
		_, stop := b.run(t)
		b.handle(t, numbers(0, 3))
		stop()
		if got := strings.Count(b.log.String(), "truncated"); got != 1 || !strings.Contains(b.log.String(), "records=1") {
			t.Errorf("got %d lines, want one of one record:\n%s", got, b.log.String())
		}
	})
}
