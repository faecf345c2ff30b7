package build

import (
	"github.com/tokrelay/tokrelay/pipeline"
)

// Counts say what became of the records of a run.
type Counts struct {
	Records  int64                         `json:"records"`            // read
	Changes  int64                         `json:"changes"`            // of them, rows that are a change of a key
	Skipped  map[pipeline.SkipReason]int64 `json:"skipped,omitempty"`  // knowingly left out
	Rejected map[pipeline.Reason]int64     `json:"rejected,omitempty"` // by reason; each has a dead letter, once
	Letters  int64                         `json:"dead_letters"`       // written by this run
}

func newCounts() Counts {
	return Counts{Skipped: map[pipeline.SkipReason]int64{}, Rejected: map[pipeline.Reason]int64{}}
}

func (c *Counts) plus(other *Counts) {
	c.Records += other.Records
	c.Changes += other.Changes
	c.Letters += other.Letters
	for reason, n := range other.Skipped {
		c.Skipped[reason] += n
	}
	for reason, n := range other.Rejected {
		c.Rejected[reason] += n
	}
}

// Set is what is known of the set of lines a run made.
type Set struct {
	Members     int64  `json:"members"`     // distinct lines
	People      int64  `json:"people"`      // rows that have lines
	Identifiers int64  `json:"identifiers"` // in the distinct lines
	Duplicates  int64  `json:"duplicates"`  // lines that several rows share
	Digest      string `json:"digest"`      // of the set; says nothing about its lines
	// Against the previous upload, where it is known here what that held.
	Compared  bool  `json:"compared"`
	Added     int64 `json:"added"`
	Removed   int64 `json:"removed"`
	Unchanged int64 `json:"unchanged"`
}
