package audiencefile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Job uploads one sync's audience: Run once, or Serve by its schedule. One Job does one thing at a time; several
// instances may have the same Job.
type Job struct {
	plan     *Plan
	deps     Deps
	progress *progress
	calls    atomic.Int64
	busy     chan struct{} // held while a run is under way in this process, or its outcome is asked for
	lookAt   time.Time     // when Serve looks at the audience; its own
}

// NewJob puts a job together.
func NewJob(p *Plan, d Deps) (*Job, error) {
	d = d.withDefaults(&p.cfg)
	if d.Folder == "" || d.Sync == "" {
		return nil, fmt.Errorf("audience_file: needs a work folder and the name of its sync")
	}
	j := &Job{plan: p, deps: d, busy: make(chan struct{}, 1)}
	j.progress = &progress{now: d.now, p: Progress{Phase: PhaseIdle}}
	d.Metrics.begin()
	return j, nil
}

// Progress is how far the run under way is.
func (j *Job) Progress() Progress { return j.progress.value() }

// Options say how a run is made.
type Options struct {
	Why     string // schedule, request, resync, again
	Force   bool   // upload although the audience shrank, is unchanged, or most rows are rejected
	Rebuild bool   // read the whole topic, whatever is kept from the last run

	window  time.Time // of the schedule
	request string
}

// Run builds the audience and uploads it, unless something speaks against it: the manifest says what happened. The error
// is ErrBusy when another instance works on the audience, ctx's, or a *pipeline.Trouble, which then is in the manifest too.
func (j *Job) Run(ctx context.Context, o Options) (*Manifest, error) {
	held, release, err := j.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return j.run(held, o)
}

// alone makes the caller the only one, in this process and under the lease, who works on the audience, or returns ErrBusy.
// held ends when the lease is lost.
func (j *Job) alone(ctx context.Context) (held context.Context, release func(), err error) {
	select {
	case j.busy <- struct{}{}:
	default:
		return nil, nil, ErrBusy
	}
	held, giveBack, err := j.deps.lease(ctx)
	if err != nil {
		<-j.busy
		return nil, nil, err
	}
	return held, func() { giveBack(); <-j.busy }, nil
}

// run is Run under the lease.
func (j *Job) run(ctx context.Context, o Options) (*Manifest, error) {
	r := &run{job: j, options: o}
	r.manifest = Manifest{Run: runName(j.deps.now()), Sync: j.deps.Sync, Why: o.Why, Began: j.deps.now(), Previous: -1}
	j.calls.Store(0)
	j.progress.start(r.manifest.Run)
	defer j.progress.phase(PhaseIdle)
	ctx, span := j.deps.Tracing.Upload(ctx)
	err := r.reported(ctx)
	span.End(failure(err))
	switch {
	case ctx.Err() != nil:
		return &r.manifest, r.cutOff(context.Cause(ctx))
	case errors.Is(err, ErrBusy):
		return &r.manifest, r.cutOff(err)
	}
	return &r.manifest, r.end(ctx, err)
}

// failure is what the run's span says of an error.
func failure(err error) string {
	if err == nil {
		return ""
	}
	return "the run did not end as it should: see the log"
}

// reported is do with its progress in metrics and log.
func (r *run) reported(ctx context.Context) error {
	reporting, stop := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { r.job.report(reporting) })
	defer reporter.Wait()
	defer stop()
	return r.do(ctx)
}

// runName sorts by time, is a good name for a file, and no other run has it.
func runName(t time.Time) string { return t.Format("20060102T150405.000000Z") + "-" + rand.Text()[:6] }

// asTrouble makes a trouble of any error: what is not known passes, perhaps.
func (j *Job) asTrouble(err error) *pipeline.Trouble {
	if t, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return t
	}
	what := err.Error()
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		what = "the disk is full: " + what
	} else if _, ok := errors.AsType[*build.NoRoom](err); !ok {
		return &pipeline.Trouble{Kind: pipeline.TroubleConfig, What: what}
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleDisk, What: fmt.Sprintf("%s; make room for work folder %s, or set audience_file.work_folder "+
		"to one with more: the upload is tried again by itself", what, j.deps.Folder)}
}

func (j *Job) trouble(source string, t *pipeline.Trouble) {
	if j.deps.Status == nil { // the command that uploads has none
		j.deps.Log.Error("audience upload is held up", "kind", string(t.Kind), "what", t.What)
		return
	}
	j.deps.Status.Set(j.deps.Sync, source, t)
}

// clear takes back what a source has reported.
func (j *Job) clear(source string) {
	if j.deps.Status != nil {
		j.deps.Status.Clear(j.deps.Sync, source)
	}
}
