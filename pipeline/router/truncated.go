package router

import "github.com/tokrelay/tokrelay/pipeline"

// tell says what nobody would notice otherwise: a table was emptied in one record, without its rows. What TikTok holds of
// them stays, members of audiences among it.
func (h *handling) tell(chunk *pipeline.Chunk, w *worker) {
	for _, s := range w.skipped {
		if s.reason == pipeline.SkipTruncate {
			h.log.Warn("a table was truncated: change data has no rows for that, and what TikTok holds of them stays",
				"topic", chunk.Topic, "partition", chunk.Partition, "records", s.rows)
		}
	}
}
