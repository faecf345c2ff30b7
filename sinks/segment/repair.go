package segment

import (
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// repairRows is how many members are put right in one chunk.
const repairRows = 1000

// Repair says to TikTok what the members of a comparison are, and remembers it. rows are their last rows, as Comparison.Rows
// names them; a member whose row is not there has changed since, and is left alone. It returns how many were put right, and
// fails only when ctx ends, or with pipeline.ErrHeld.
func (s *Sink) Repair(ctx context.Context, c *Comparison, rows map[pipeline.Position]pipeline.Record) (n int, err error) {
	for list := range slices.Chunk(c.wrong, repairRows) {
		var records []pipeline.Record
		var plans []rowPlan
		for i := range list {
			w := &list[i]
			record, ok := rows[w.position()]
			if w.at.absent { // a delete, as of the row that is remembered
				record, ok = pipeline.Record{Partition: w.at.partition, Offset: w.at.offset, Timestamp: time.UnixMilli(w.at.time)}, true
			}
			if !ok {
				continue
			}
			plans = append(plans, rowPlan{row: int32(len(records)), key: w.key, transition: transition{member: len(w.claims) > 0, now: w.claims}})
			records = append(records, record)
		}
		chunk := pipeline.NewChunk(records)
		if err := s.deliver(ctx, chunk, func(f *flush) { f.rows = append(f.rows, plans...) }); err != nil {
			return n, err
		}
		for i := range records {
			if chunk.Settled(i) == pipeline.Delivered || chunk.Settled(i) == pipeline.Skipped {
				n++
			}
		}
	}
	return n, nil
}
