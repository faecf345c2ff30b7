package audiencefile

import (
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
)

// share stops a run in which most rows are rejected: the mapping is wrong then, and the rejected topic is no place for a
// whole table. It looks at windows of a thousand rows that have no letter yet.
type share struct {
	most           float64 // 1: any share will do
	rows, rejected int
}

const shareWindow = 1000

// row counts a row and returns a *pipeline.Trouble when too many of its window are rejected.
func (s *share) row(rejected bool) error {
	s.rows++
	if rejected {
		s.rejected++
	}
	if s.rows < shareWindow {
		return nil
	}
	share := float64(s.rejected) / float64(s.rows)
	s.rows, s.rejected = 0, 0
	if share <= s.most {
		return nil
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleRejected, Stop: true,
		What: fmt.Sprintf("%.0f %% of a thousand rows were rejected: correct the mapping, or upload with --force", 100*share)}
}
