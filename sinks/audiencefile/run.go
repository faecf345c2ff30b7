package audiencefile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// run is one Run under way.
type run struct {
	job      *Job
	options  Options
	work     build.Folder // zero until it is opened
	ledger   ledger
	manifest Manifest
}

// verdict ends a run that uploads nothing: it is a result, and no error.
type verdict struct {
	result Result
	text   string
	again  time.Time
	alarm  bool // an operator should look
}

func (v verdict) Error() string { return v.text }

// do is the run from beginning to end. A step that finds that there is nothing to upload returns a verdict.
func (r *run) do(ctx context.Context) error {
	if err := r.admit(ctx); err != nil {
		return err
	}
	built, err := r.build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(built.Folder)
	if err := r.guard(built); err != nil {
		return err
	}
	if err := r.awaitDay(ctx); err != nil {
		return err
	}
	return r.deliver(ctx, built)
}

// admit looks whether the sync may fill the audience and brings the ledger up to date: how a call ended that a crash
// interrupted, what TikTok made of the last upload.
func (r *run) admit(ctx context.Context) error {
	j, l := r.job, &r.ledger
	if err := j.deps.load(ctx, "ledger", l); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := j.bind(ctx); err != nil {
		return err
	}
	if err := r.noteWindow(ctx); err != nil {
		return err
	}
	if err := j.reserve(ctx); err != nil {
		return err
	}
	if err := j.reconcile(ctx, l); err != nil {
		return err
	}
	if err := j.settle(ctx, l); err != nil {
		return err
	}
	if err := j.share(ctx, l); err != nil {
		return err
	}
	r.manifest.AudienceID, r.manifest.Previous = l.AudienceID, l.members()
	if wait := l.next().Sub(j.deps.now()); wait > longestWait {
		return verdict{result: TooSoon, again: l.next(), text: fmt.Sprintf("uploaded at %s; TikTok takes one upload a day", l.Last.At.Format(time.RFC3339))}
	}
	if l.Last != nil && l.Last.Settled == "" {
		return verdict{result: PutOff, text: "TikTok is still processing the last upload", again: r.soon()}
	}
	return nil
}

// open opens the folder that goes with the ledger, as the lease does. An instance with another ledger, of another cluster or
// state topic, builds in another folder: this one is swept by the instance that has the lease.
func (r *run) open(ctx context.Context) (err error) {
	deps := &r.job.deps
	if r.ledger.Folder == "" {
		r.ledger.Folder = rand.Text()[:8]
		if err := deps.save(ctx, "ledger", &r.ledger); err != nil {
			return err
		}
	}
	r.work, err = build.Open(filepath.Join(deps.Folder, deps.Sync+"-"+r.ledger.Folder))
	return err
}

// noteWindow notes that the schedule's first time is being dealt with: if this run dies, it is still due.
func (r *run) noteWindow(ctx context.Context) error {
	if r.options.window.IsZero() || !r.ledger.Window.IsZero() {
		return nil
	}
	r.ledger.Window = r.options.window.Add(-time.Second)
	return r.job.deps.save(ctx, "ledger", &r.ledger)
}

// longestWait is how long a finished build waits for TikTok's day to pass; a daily schedule misses it by minutes.
const longestWait = 2 * time.Hour

// putOff ends a run while TikTok is busy with an earlier upload. TikTok asks for a day's wait where a replace is unfinished.
func (r *run) putOff(state pipeline.State) verdict {
	v := verdict{result: PutOff, again: r.soon(), text: "TikTok does not let the audience be changed now: it is being processed, or holds too few members"}
	if state == pipeline.StateReplacing {
		v.text, v.again = "TikTok has not finished an earlier replace", r.job.deps.now().Add(day)
	}
	return v
}

// soon is when to try again what TikTok is busy with.
func (r *run) soon() time.Time { return r.job.deps.now().Add(time.Hour) }

func (r *run) build(ctx context.Context) (*build.Output, error) {
	out, err := r.work.Build(ctx, r.input())
	if err != nil {
		return nil, err
	}
	r.manifest.Spans, r.manifest.Reused, r.manifest.Files = out.Spans, out.Reused, out.Files
	r.manifest.Counts, r.manifest.Set = out.Counts, out.Set
	r.job.deps.Log.Info("audience built", "run", r.manifest.Run, "records", out.Records, "members", out.Members, "people", out.People, "identifiers", out.Identifiers, "duplicates", out.Duplicates,
		"files", len(out.Files), "reused", out.Reused)
	if n := out.Counts.Skipped[pipeline.SkipTruncate]; n > 0 {
		r.job.deps.Log.Warn("the table was truncated: change data has no rows for that, and they count as they were before", "run", r.manifest.Run, "records", n)
	}
	return out, nil
}

// input is what the files are made from.
func (r *run) input() build.Input {
	cfg, deps := &r.job.plan.cfg, &r.job.deps
	in := build.Input{Run: r.manifest.Run, Previous: runOf(r.ledger.held()), Rebuild: r.options.Rebuild, Keep: cfg.KeepState,
		Mapping: r.job.plan.mapping + deps.Mapping, Layout: r.job.plan.layout, FileSize: int64(cfg.FileSize), Memory: int64(cfg.MaxMemory),
		Parallel: deps.Parallel, MaxRejected: float64(cfg.Guard.MaxRejected), Source: deps.Source, NewSteps: r.job.steps,
		Letters: deps.Letters, Marks: deps.document("letters"), Rows: deps.Metrics.rows, Progress: r.job.progress.step, Trouble: r.job.waits, Small: r.small, Now: deps.now}
	if r.options.Force {
		in.MaxRejected = 1
	}
	return in
}

// steps are the sync's steps for one goroutine; they end in lines.
func (j *Job) steps() pipeline.Steps {
	steps, maker := j.deps.NewSteps(), j.plan.Maker()
	steps.Make = func(items *pipeline.Items, _ int, c *pipeline.Change) (err error) {
		items.Buf, err = maker.Lines(items.Buf, c)
		return err
	}
	return steps
}

// small is told of a disk that may be too small for the build.
func (r *run) small(n *build.NoRoom) {
	r.job.deps.Log.Warn("the work folder may be too small: it is where every offset to read has a row of its own; if the disk fills up, "+
		"set audience_file.work_folder to a folder with more room", "run", r.manifest.Run, "folder", r.job.deps.Folder, "need", n.Need, "free", n.Free)
}

// waits is told what a build waits for, and nil when that is over.
func (j *Job) waits(t *pipeline.Trouble) {
	if t == nil {
		j.clear(sourceRead)
	} else {
		j.trouble(sourceRead, t)
	}
}

// guard stops an upload that is of no use or looks wrong (P9). No call has been made for it yet.
func (r *run) guard(b *build.Output) error {
	cfg, last := &r.job.plan.cfg, r.ledger.members()
	metrics.SetFlag(r.job.deps.Metrics.belowMinimum.WithLabelValues(), b.Members < int64(cfg.Guard.MinMembers))
	least := float64(last) * (1 - float64(cfg.Guard.MaxShrink))
	switch {
	case b.Members < int64(cfg.Guard.MinMembers):
		return verdict{result: TooSmall, alarm: true,
			text: fmt.Sprintf("%d distinct members: TikTok uses no audience below %d", b.Members, cfg.Guard.MinMembers)}
	case r.options.Force:
		return nil
	case last > 0 && float64(b.Members) < least:
		return verdict{result: Shrunk, alarm: true,
			text: fmt.Sprintf("%d members where the last upload had %d: more than guard.max_shrink allows; look at the source, then upload with --force", b.Members, last)}
	case last > 0 && r.ledger.Last.Settled != Failed && b.Digest == r.ledger.Last.Digest && r.job.deps.now().Sub(r.ledger.Last.At) < refreshAfter:
		return verdict{result: Unchanged, text: fmt.Sprintf("TikTok holds these %d members already", b.Members)}
	}
	return nil
}

// refreshAfter is when even an unchanged audience is uploaded again: TikTok lets it expire a year after its last change.
const refreshAfter = 90 * day

// awaitDay waits until TikTok's day since the last upload has passed.
func (r *run) awaitDay(ctx context.Context) error {
	wait := r.ledger.next().Sub(r.job.deps.now())
	if wait <= 0 {
		return nil
	}
	r.job.progress.phase(PhaseWaiting)
	return pipeline.Wait(ctx, wait)
}

// deliver uploads the files and has TikTok put them in the audience's place. Files that TikTok lost in between are
// uploaded once more.
func (r *run) deliver(ctx context.Context, b *build.Output) error {
	l := &r.ledger
	u, err := r.intend(ctx, b)
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		if err := r.upload(ctx, b.Folder, b.Files); err != nil {
			return err
		}
		r.manifest.Files = b.Files
		err := r.commit(ctx, l, u, paths(b.Files))
		if errors.Is(err, errFiles) && tries == 1 {
			continue
		}
		if r.manifest.AudienceID = l.AudienceID; err != nil {
			return err
		}
		return r.job.own(ctx, l.AudienceID)
	}
}

func paths(files []build.File) (list []string) {
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}
