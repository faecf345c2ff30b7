package audiencefile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Verification is a file audience as its topic tells it now, beside what TikTok was last given.
type Verification struct {
	build.Counts
	build.Set
	Last    *Upload `json:"last_upload,omitempty"` // nil: nothing was ever uploaded
	Changed int64   `json:"offsets_since"`         // written since the last upload was cut; -1: the topic is another one
	Fault   string  `json:"fault,omitempty"`       // what is wrong with the audience at TikTok
	Unasked string  `json:"unasked,omitempty"`     // why TikTok was not asked
}

// Right reports whether TikTok was given this very set.
func (v *Verification) Right() bool { return v.Last != nil && v.Last.Digest == v.Digest }

// Explained reports whether a difference may be rows that were written since the last upload: the next one brings them.
func (v *Verification) Explained() bool {
	if v.Last == nil || v.Changed <= 0 {
		return false
	}
	return max(v.Members-v.Last.Members, v.Last.Members-v.Members) <= v.Changed*mostLines
}

// mostLines is how many lines one row can make or take away: those of a list of identifiers.
const mostLines = 32

// Verify builds the audience from its whole topic in a folder of its own, uploads nothing, writes no dead letter, and says
// what it found. Its error is ctx's or a *pipeline.Trouble; others are of the disk.
func (j *Job) Verify(ctx context.Context) (*Verification, error) {
	var l ledger
	if err := j.deps.load(ctx, "ledger", &l); err != nil {
		return nil, err
	}
	out, err := j.rehearse(ctx)
	if err != nil {
		return nil, err
	}
	v := &Verification{Counts: out.Counts, Set: out.Set, Last: l.Last, Changed: -1}
	if l.Last == nil {
		return v, nil
	}
	j.askOf(ctx, l.AudienceID, v)
	var list []Manifest
	if err := j.deps.load(ctx, "manifests", &list); err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Run == l.Last.Run {
			v.Changed = written(list[i].Spans, out.Spans)
		}
	}
	return v, nil
}

// askOf asks TikTok about the audience.
func (j *Job) askOf(ctx context.Context, id string, v *Verification) {
	a, err := audience.Directory{API: j.deps.API, Advertiser: j.deps.Advertiser}.Look(ctx, id)
	switch t := j.fault(a); {
	case err != nil:
		v.Unasked = err.Error()
	case a == nil && j.plan.cfg.Audience.ID == "":
		v.Fault = "the audience is gone at TikTok: the next upload makes it again, at the earliest a day after the last one"
	case t != nil:
		v.Fault = t.What
	}
}

// rehearse is a build of which nothing stays.
func (j *Job) rehearse(ctx context.Context) (*build.Output, error) {
	if err := os.MkdirAll(j.deps.Folder, 0o700); err != nil {
		return nil, j.asTrouble(fmt.Errorf("make work folder: %w", err))
	}
	path, err := os.MkdirTemp(j.deps.Folder, verifyPrefix)
	if err != nil {
		return nil, j.asTrouble(fmt.Errorf("make work folder: %w", err))
	}
	defer os.RemoveAll(path)
	folder, err := build.Open(filepath.Join(path, j.deps.Sync))
	if err != nil {
		return nil, j.asTrouble(err)
	}
	r := &run{job: j, options: Options{Rebuild: true}, manifest: Manifest{Run: runName(time.Now())}}
	in := r.input()
	in.Keep, in.MaxRejected, in.Letters, in.Marks, in.Rows = false, 1, unwritten{}, forgotten, nil
	defer j.progress.phase(PhaseIdle)
	j.progress.start(in.Run)
	return folder.Build(ctx, in)
}

const verifyPrefix = ".verify-"

// unwritten takes the letters of a rehearsal: those rows have theirs, or get them from the next run.
type unwritten struct{}

func (unwritten) Rows(context.Context, []pipeline.Letter) error { return nil }

// forgotten is a document of which nothing is kept.
var forgotten = build.Document{Load: func(context.Context, any) error { return nil }, Save: func(context.Context, any) error { return nil }}

// written is how many offsets are in now and not in then, which were all there was; -1 when a topic is another one.
func written(then, now []build.Span) (n int64) {
	type partition struct {
		topic string
		id    int32
	}
	read := map[partition]build.Span{}
	for _, s := range then {
		read[partition{s.Topic, s.Partition}] = s
	}
	for _, s := range now {
		old, ok := read[partition{s.Topic, s.Partition}]
		if ok && old.TopicID != s.TopicID || s.To < old.To {
			return -1
		}
		n += s.To - max(s.From, old.To)
	}
	return n
}
