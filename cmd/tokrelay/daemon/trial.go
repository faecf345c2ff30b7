package daemon

import (
	"bytes"
	"context"
	"encoding/hex"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/segment"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Trial brings rows through a flow's steps, one after another, and sends nothing. It is for one goroutine.
type Trial struct {
	flow   *Flow
	runner pipeline.Runner
	kinds  []member.Kind // of a file's columns
}

// NewTrial tries rows with the flow as it is. DecodeWith comes before. notes, if not nil, are those of the row that was tried last.
func (f *Flow) NewTrial(notes *pipeline.Notes) *Trial {
	t := &Trial{flow: f, runner: pipeline.Runner{Steps: f.Steps()}}
	t.runner.Items.Notes = notes
	if f.sink.file != nil {
		t.kinds, t.runner.Steps = f.sink.file.Kinds(), build.Keyed(t.runner.Steps)
	}
	return t
}

// Try brings one row through the steps, as in run. A row that makes nobody a member is skipped.
func (t *Trial) Try(ctx context.Context, r *pipeline.Record) error {
	items := &t.runner.Items
	items.Reset()
	if items.Notes != nil {
		items.Notes.List = items.Notes.List[:0]
	}
	if err := t.runner.Row(ctx, r, 0); err != nil {
		return err
	}
	if len(items.List) == 0 {
		return pipeline.SkipNoChange
	}
	if s := t.flow.sink.segment; s != nil {
		return s.Lacks(items.Body(0))
	}
	return nil
}

// Items are what the row that was tried last became; they are good until the next one.
func (t *Trial) Items() *pipeline.Items { return &t.runner.Items }

// AppendDigests appends the identifiers by which the row that was tried last is a member of the sync's audience.
func (t *Trial) AppendDigests(dst []byte) []byte {
	items := &t.runner.Items
	if t.flow.sink.segment != nil {
		for i := range items.List {
			dst = append(dst, segment.DigestsIn(items.Body(i))...)
		}
		return dst
	}
	for i := range items.List {
		line := bytes.TrimSuffix(bytes.TrimPrefix(items.Body(i), []byte(`{"line":"`)), []byte(`"}`))
		dst = appendLine(dst, line, t.kinds)
	}
	return dst
}

// appendLine appends the identifiers of a line of a file to a set of digests.
func appendLine(set, line []byte, kinds []member.Kind) []byte {
	var hash [32]byte
	for _, kind := range kinds {
		var cell []byte
		cell, line, _ = bytes.Cut(line, []byte{','})
		if n, err := hex.Decode(hash[:], cell); err == nil && n > 0 {
			set = owners.AddBytes(set, kind, nil, hash[:n])
		}
	}
	return set
}
