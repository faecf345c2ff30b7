package audiencefile

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// errFiles says that the uploaded files are of no use any more.
var errFiles = errors.New("TikTok no longer has the uploaded files")

// commit makes the call that changes the audience. Its intent is on record before the call, so the run after a crash
// knows that it may have been made, and asks TikTok before making another (P9).
func (r *run) commit(ctx context.Context, l *ledger, u Upload, paths []string) error {
	if err := r.stillAlone(ctx, l); err != nil {
		return err
	}
	u.At = r.job.deps.now()
	l.Intent = &u
	if err := r.job.deps.save(ctx, "ledger", l); err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		id, err := r.change(ctx, l, paths, tries > 1)
		if unknown, ok := errors.AsType[errUnknown](err); ok {
			var done bool
			if id, done, err = r.learn(ctx, l, unknown, tries); err == nil && !done {
				continue
			}
		}
		if err != nil {
			return r.failed(ctx, l, err)
		}
		return r.job.adopt(ctx, l, id)
	}
}

// stillAlone looks once more, under the lease, whether the ledger is as this run left it.
func (r *run) stillAlone(ctx context.Context, l *ledger) error {
	now := ledger{}
	if err := r.job.deps.load(ctx, "ledger", &now); err != nil {
		return err
	}
	if now.Intent != nil || runOf(now.Last) != runOf(l.Last) {
		return ErrBusy
	}
	return nil
}

func runOf(u *Upload) string {
	if u == nil {
		return ""
	}
	return u.Run
}

// failed takes the intent back when the call certainly had no effect. Where that is unknown, it stays.
func (r *run) failed(ctx context.Context, l *ledger, err error) error {
	if _, unknown := errors.AsType[errUnknown](err); unknown || ctx.Err() != nil {
		return err
	}
	l.Intent = nil
	return errors.Join(err, r.job.deps.save(ctx, "ledger", l))
}

// adopt puts the accepted upload on record.
func (j *Job) adopt(ctx context.Context, l *ledger, id string) error {
	l.Before = l.held()
	l.AudienceID, l.Last, l.Intent = id, l.Intent, nil
	l.Last.Taken = j.deps.now()
	return j.deps.save(ctx, "ledger", l)
}

// errUnknown says that a call may have had its effect: the answer was lost, or was TikTok's own trouble.
type errUnknown struct{ *pipeline.Trouble }

func (e errUnknown) Unwrap() error { return e.Trouble }

// change makes the call once. again: an earlier one of this commit may have had its effect.
func (r *run) change(ctx context.Context, l *ledger, paths []string, again bool) (id string, err error) {
	endpoint, body := r.request(l, paths)
	a, err := r.job.insist(ctx, call{method: http.MethodPost, endpoint: endpoint, items: int(l.Intent.Members), body: body, again: unapplied,
		do: func() pipeline.Answer { return r.job.deps.API.Post(ctx, endpoint, body) }})
	switch {
	case err != nil:
		return "", errUnknown{&pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: endpoint + ": stopped before the answer"}}
	case accepted(&a):
		return audienceID(l, &a)
	case a.State == pipeline.StateReplacing && again:
		return l.AudienceID, nil // what it is busy with is ours
	case a.State != "":
		return "", r.putOff(a.State)
	case badFile(a.Code):
		return "", errFiles
	case a.Verdict == pipeline.Retry:
		return "", errUnknown{audience.Trouble(endpoint, &a)}
	}
	return "", r.explained(ctx, l, audience.Trouble(endpoint, &a))
}

// explained asks TikTok about the audience of a refused replace, and puts what is wrong with it before the refusal.
func (r *run) explained(ctx context.Context, l *ledger, refusal *pipeline.Trouble) *pipeline.Trouble {
	if l.Intent.Action != actionReplace {
		return refusal
	}
	a, err := r.job.directory().Look(ctx, l.AudienceID)
	if err != nil {
		return refusal
	}
	if wrong, ok := errors.AsType[*pipeline.Trouble](r.editable(a)); ok {
		refusal.What = wrong.What + "; TikTok answers " + refusal.What
	}
	return refusal
}

func (r *run) request(l *ledger, paths []string) (endpoint string, body []byte) {
	fields := map[string]any{"advertiser_id": r.job.deps.Advertiser, "file_paths": paths}
	cfg := &r.job.plan.cfg
	if l.Intent.Action == actionReplace {
		endpoint = endpointUpdate
		fields["custom_audience_id"], fields["action"] = l.AudienceID, "REPLACE"
	} else {
		endpoint = endpointCreate
		fields["custom_audience_name"], fields["calculate_type"] = cfg.Audience.Name, r.job.plan.layout.Kind
		if cfg.SubType == "reach_frequency" {
			fields["audience_sub_type"] = "REACH_FREQUENCY"
		}
		if cfg.RetentionDays > 0 {
			fields["retention_in_days"] = cfg.RetentionDays
		}
	}
	body, _ = json.Marshal(fields) // strings and numbers
	return endpoint, body
}

func audienceID(l *ledger, a *pipeline.Answer) (string, error) {
	if l.Intent.Action == actionReplace {
		return l.AudienceID, nil
	}
	var data struct {
		ID string `json:"custom_audience_id"`
	}
	if err := tiktok.Data(a, &data); err != nil || data.ID == "" {
		return "", errUnknown{&pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: endpointCreate + ": the answer names no audience"}}
	}
	return data.ID, nil
}

// maxTries bounds how often a call is made whose outcome has to be found out each time.
const maxTries = 5

// learn finds out whether the call had its effect. Not done means: it did not, and may be made again.
func (r *run) learn(ctx context.Context, l *ledger, why errUnknown, tries int) (id string, done bool, err error) {
	if ctx.Err() != nil {
		return "", false, why
	}
	r.job.trouble(sourceCall, why.Trouble)
	for _, wait := range []time.Duration{5 * time.Second, 30 * time.Second} {
		if pipeline.Wait(ctx, wait) != nil {
			return "", false, why
		}
		if id, done, err = r.job.applied(ctx, l); err != nil || done {
			return id, done, unknownStill(err, why)
		}
	}
	if tries == maxTries {
		return "", false, why.Trouble // it had no effect, five times
	}
	return "", false, nil
}

// unknownStill keeps an outcome unknown that could not be asked for.
func unknownStill(err error, why errUnknown) error {
	if err == nil {
		return nil
	}
	return why
}
