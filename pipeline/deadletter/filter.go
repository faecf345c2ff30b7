package deadletter

import (
	"bytes"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Filter chooses dead letters. What is empty chooses all; of a list, one has to fit.
type Filter struct {
	Since, Until time.Time // when the row was rejected, the end excluded

	Syncs, Reasons, Classes, Fields []string
	Topics                          []string // the rows' source topics

	Batch   string // a batch and the parts it was split into
	EventID string
	Rows    map[string]bool             // places of rows, as Position.String writes them
	Key     func(*pipeline.Record) bool // nil: any

	State func(*pipeline.Record, *Head) bool // of letters that everything else chooses; several goroutines may ask; nil: any
}

// Choose adds a row to those that are chosen, by its place in its source.
func (f *Filter) Choose(row pipeline.Position) {
	if f.Rows == nil {
		f.Rows = map[string]bool{}
	}
	f.Rows[row.String()] = true
}

// Match reports whether a letter, whose head h was read of it, is chosen.
func (f *Filter) Match(r *pipeline.Record, h *Head) bool {
	switch {
	case !f.Since.IsZero() && r.Timestamp.Before(f.Since), !f.Until.IsZero() && !r.Timestamp.Before(f.Until):
		return false
	case !one(f.Syncs, h.Sync), !one(f.Reasons, h.Reason), !one(f.Classes, h.Class), !one(f.Fields, h.Field), !one(f.Topics, h.Topic):
		return false
	case f.EventID != "" && f.EventID != string(h.EventID), f.Batch != "" && !ofBatch(h.BatchID, f.Batch):
		return false
	case len(f.Rows) > 0 && !ofRow(f.Rows, h):
		return false
	}
	return (f.Key == nil || f.Key(r)) && (f.State == nil || f.State(r, h))
}

// one reports whether the value is one of the list. The comparison allocates nothing.
func one(list []string, value []byte) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return s == string(value) })
}

// ofBatch knows that the parts of a split batch have its id and a dot in front: b7, b7.0, b7.0.1.
func ofBatch(id []byte, batch string) bool {
	rest, ok := bytes.CutPrefix(id, []byte(batch))
	return ok && (len(rest) == 0 || rest[0] == '.')
}

// ofRow reports whether the letter is of one of the rows, which are keyed as Position.String writes them.
func ofRow(rows map[string]bool, h *Head) bool {
	var memory [300]byte
	key := append(append(memory[:0], h.Topic...), '/')
	key = append(append(append(key, h.Partition...), '/'), h.Offset...)
	return rows[string(key)]
}
