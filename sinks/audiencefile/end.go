package audiencefile

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// end puts on record how the run ended, and returns its trouble.
func (r *run) end(ctx context.Context, err error) error {
	m, j := &r.manifest, r.job
	m.Ended, m.Calls = j.deps.now(), int(j.calls.Load())
	r.classify(err)
	trouble := r.alarm(err)
	j.deps.Metrics.ended(m)
	r.log(trouble != nil)
	if err = errors.Join(r.close(ctx), j.deps.remember(ctx, m)); err != nil {
		j.deps.Log.Error("how the audience run ended could not be put on record: it may be made again", "run", m.Run, "error", err)
	}
	if trouble != nil {
		err = errors.Join(trouble, err)
	}
	return err
}

// cutOff logs a run that ended before it could come to a result. Nothing of it is put on record: the lease is lost, or there
// is no time left, and what was due is still due.
func (r *run) cutOff(cause error) error {
	m := &r.manifest
	m.Ended, m.Calls, m.Result, m.Text = r.job.deps.now(), int(r.job.calls.Load()), Cut, "tokrelay was stopped before the run was over; the next start makes it again"
	if errors.Is(cause, ErrBusy) {
		m.Text = "the lease was lost, or another instance uploads the audience: that one, or the next run, goes on"
	}
	r.job.deps.Metrics.ended(m)
	r.log(false)
	return cause
}

func (r *run) log(failed bool) {
	m, log := &r.manifest, r.job.deps.Log.Info
	switch {
	case failed:
		log = r.job.deps.Log.Error
	case !m.Result.Done():
		log = r.job.deps.Log.Warn
	}
	log("audience run ended", "run", m.Run, "result", string(m.Result), "text", m.Text, "records", m.Records, "members", m.Members,
		"previous", m.Previous, "added", m.Added, "removed", m.Removed, "files", len(m.Files), "calls", m.Calls)
}

// classify fills in the result.
func (r *run) classify(err error) {
	m := &r.manifest
	v, isVerdict := errors.AsType[verdict](err)
	switch {
	case err == nil:
		m.Result, m.Text = Uploaded, m.sentence()
	case isVerdict:
		m.Result, m.Text, m.Again = v.result, v.text, v.again
	default:
		t := r.job.asTrouble(err)
		m.Result, m.Text, m.Again = Broken, t.What, r.job.deps.now().Add(retryAfter)
		if t.Stop {
			m.Result, m.Again = Stopped, r.whenStopped(t.Kind)
		}
	}
}

// whenStopped is when a run that TikTok's answers have stopped is made again: soon, and then less and less often. Other
// stops are over with a change of the configuration or of the source.
func (r *run) whenStopped(kind pipeline.TroubleKind) time.Time {
	switch kind {
	case pipeline.TroubleAudience, pipeline.TroubleConfig, pipeline.TroubleUnknown:
	default:
		return time.Time{}
	}
	now, wait := r.job.deps.now(), time.Duration(0)
	if since := r.ledger.Stopped; !since.IsZero() {
		wait = now.Sub(since)
	}
	return now.Add(min(max(wait, soonest), latestRetry))
}

const (
	soonest     = 8 * time.Second
	latestRetry = time.Hour
)

// retryAfter is when a run that failed through passing trouble is made again.
const retryAfter = 5 * time.Minute

// alarm puts what an operator should know in the status, and takes it off once TikTok holds the audience. The trouble of a
// verdict is in the status only: the manifest has it for the caller.
func (r *run) alarm(err error) *pipeline.Trouble {
	v, isVerdict := errors.AsType[verdict](err)
	switch {
	case isVerdict && v.alarm:
		r.job.trouble(sourceRun, &pipeline.Trouble{Kind: pipeline.TroubleAudience, What: v.text, Stop: true})
	case err == nil || isVerdict && v.result == Unchanged:
		r.job.clear(sourceRun)
	case !isVerdict:
		t := r.job.asTrouble(err)
		t.Until = r.manifest.Again
		r.job.trouble(sourceRun, t)
		return t
	}
	return nil
}

// close notes in the ledger what the run has dealt with. Only what failed through passing trouble is still to be done.
func (r *run) close(ctx context.Context) error {
	l := &ledger{}
	if err := r.job.deps.load(ctx, "ledger", l); err != nil {
		return err
	}
	l.LastRun, l.Again = r.manifest.Ended, r.manifest.Again
	l.Window = latest(l.Window, r.options.window)
	if r.manifest.Result.Done() {
		l.Missed = time.Time{}
	} else if l.Missed.IsZero() {
		l.Missed = r.options.window
	}
	if r.manifest.Result != Stopped {
		l.Stopped = time.Time{}
	} else if l.Stopped.IsZero() {
		l.Stopped = r.manifest.Ended
	}
	if r.options.request != "" {
		l.Request = r.options.request
	}
	if err := r.job.deps.save(ctx, "ledger", l); err != nil || r.work == (build.Folder{}) {
		return err
	}
	return r.work.Sweep(runOf(l.Last), runOf(l.Before), runOf(l.Intent))
}
