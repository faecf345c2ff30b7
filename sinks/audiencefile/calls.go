package audiencefile

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

const (
	endpointUpload = "/dmp/custom_audience/file/upload/"
	endpointCreate = "/dmp/custom_audience/create/"
	endpointUpdate = "/dmp/custom_audience/update/"
)

// sources of trouble in the status.
const (
	sourceRead = "read"
	sourceCall = "call"
	sourceRun  = "upload"
)

// call is a call to TikTok.
type call struct {
	method, endpoint string
	items            int
	body             []byte // as the calls' record shows it
	again            patience
	do               func() pipeline.Answer
}

// attempt makes a call once and notes it.
func (j *Job) attempt(ctx context.Context, c *call, try int) pipeline.Answer {
	began := j.deps.now()
	_, span := j.deps.Tracing.Call(ctx, tracing.Call{Method: c.method, Endpoint: c.endpoint, Items: c.items, Attempt: try})
	a := c.do()
	span.Answer(&a)
	j.calls.Add(1)
	call := pipeline.Call{Time: began, Sync: j.deps.Sync, Endpoint: c.endpoint, Items: c.items, Attempt: try, Request: c.body, Answer: a}
	j.deps.Metrics.calls.Made(&call, span.TraceID())
	j.deps.OnCall(call)
	return a
}

// patience says which answers a call is made again for.
type patience func(a *pipeline.Answer) bool

// harmless: a call that may be made any number of times waits for everything that passes.
func harmless(a *pipeline.Answer) bool {
	return a.Code != codeSignature && (unapplied(a) || a.Verdict == pipeline.Retry && a.State == "")
}

// unapplied: the call certainly had no effect, and may have one later.
func unapplied(a *pipeline.Answer) bool {
	return a.Verdict == pipeline.Throttled || a.Verdict == pipeline.Denied
}

// insist makes a call until its answer is one to act on (P8). It fails only when ctx ends.
func (j *Job) insist(ctx context.Context, c call) (pipeline.Answer, error) {
	for try := 1; ; try++ {
		if ctx.Err() != nil { // the lease is lost, perhaps: not another call
			return pipeline.Answer{}, context.Cause(ctx)
		}
		a := j.attempt(ctx, &c, try)
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if !c.again(&a) {
			j.clear(sourceCall)
			return a, nil
		}
		j.deps.Metrics.calls.Again(a.Verdict)
		j.trouble(sourceCall, audience.Trouble(c.endpoint, &a))
		if err := backoffOf(&a).Wait(ctx, try-1); err != nil {
			return a, err
		}
	}
}

// backoffOf is how long to wait: throttling passes within a second, a minute or a day, and does not say which.
func backoffOf(a *pipeline.Answer) pipeline.Backoff {
	switch a.Verdict {
	case pipeline.Throttled:
		return pipeline.Backoff{First: time.Second, Most: 5 * time.Minute}
	case pipeline.Denied:
		return pipeline.Backoff{First: 15 * time.Second, Most: 5 * time.Minute}
	}
	return pipeline.Backoff{First: time.Second, Most: time.Minute}
}

func accepted(a *pipeline.Answer) bool {
	return a.Verdict == pipeline.Accepted || a.Verdict == pipeline.Warned
}
