package audiencefile

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

const (
	endpointUpload = "/dmp/custom_audience/file/upload/"
	endpointCreate = "/dmp/custom_audience/create/"
	endpointUpdate = "/dmp/custom_audience/update/"
	endpointGet    = "/dmp/custom_audience/get/"
	endpointList   = "/dmp/custom_audience/list/"
)

var methods = map[string]string{endpointUpload: http.MethodPost, endpointCreate: http.MethodPost, endpointUpdate: http.MethodPost,
	endpointGet: http.MethodGet, endpointList: http.MethodGet}

// sources of trouble in the status.
const (
	sourceRead = "read"
	sourceCall = "call"
	sourceRun  = "upload"
)

// attempt makes one call and notes it.
func (j *Job) attempt(ctx context.Context, endpoint string, items, try int, body []byte, call func() pipeline.Answer) pipeline.Answer {
	began := j.deps.now()
	_, span := j.deps.Tracing.Call(ctx, tracing.Call{Method: methods[endpoint], Endpoint: endpoint, Items: items, Attempt: try})
	a := call()
	span.Answer(&a)
	j.calls.Add(1)
	j.deps.Metrics.Call(metrics.Call{Endpoint: endpoint, Items: items, Answer: &a, At: j.deps.now(), Trace: span.TraceID()})
	j.deps.OnCall(pipeline.Call{Time: began, Sync: j.deps.Sync, Endpoint: endpoint, Items: items, Attempt: try, Request: body, Answer: a})
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

// call makes a call until its answer is one to act on (P8). It fails only when ctx ends.
func (j *Job) call(ctx context.Context, endpoint string, items int, body []byte, again patience, do func() pipeline.Answer) (pipeline.Answer, error) {
	for try := 1; ; try++ {
		if ctx.Err() != nil { // the lease is lost, perhaps: not another call
			return pipeline.Answer{}, context.Cause(ctx)
		}
		a := j.attempt(ctx, endpoint, items, try, body, do)
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if !again(&a) {
			j.clear(sourceCall)
			return a, nil
		}
		j.deps.Metrics.Retry(a.Verdict)
		j.trouble(sourceCall, troubleOf(endpoint, &a))
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

// troubleOf says what an answer means for the sync.
func troubleOf(endpoint string, a *pipeline.Answer) *pipeline.Trouble {
	t := &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: endpoint + ": " + a.Message + " (" + a.CodeText() + ")"}
	switch a.Verdict {
	case pipeline.Throttled:
		t.Kind = pipeline.TroubleThrottled
	case pipeline.Denied:
		t.Kind, t.Stop = pipeline.TroubleToken, true
	case pipeline.Broken, pipeline.Refused, pipeline.TooMany:
		t.Kind, t.Stop = pipeline.TroubleAudience, true
	}
	return t
}

func accepted(a *pipeline.Answer) bool {
	return a.Verdict == pipeline.Accepted || a.Verdict == pipeline.Warned
}

// ask makes a GET call.
func (j *Job) ask(ctx context.Context, endpoint string, query url.Values) (pipeline.Answer, error) {
	query.Set("advertiser_id", j.deps.Advertiser)
	return j.call(ctx, endpoint, 0, nil, harmless, func() pipeline.Answer { return j.deps.API.Get(ctx, endpoint, query) })
}

// idList is one id as a list in a query.
func idList(id string) string { return `["` + id + `"]` }

func page(n int) string { return strconv.Itoa(n) }

// apiTime reads TikTok's times, which are UTC; zero for anything else.
func apiTime(s string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, strings.TrimSpace(s), time.UTC)
	if err != nil {
		return time.Time{}
	}
	return t
}
