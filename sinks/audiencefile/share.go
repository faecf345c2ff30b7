package audiencefile

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

const endpointShare = "/dmp/custom_audience/share/"

// shared is whom an audience is shared with.
type shared struct {
	AudienceID string   `json:"audience_id"`
	With       []string `json:"with"`
}

// share lets the configured advertisers use the audience, once it is usable. TikTok's refusal is logged and holds nothing up: the
// next run asks again.
func (j *Job) share(ctx context.Context, l *ledger) error {
	if held := l.held(); held == nil || held.Settled != Usable {
		return nil
	}
	with := j.unshared(l)
	if len(with) == 0 {
		return nil
	}
	body, _ := json.Marshal(map[string]any{"advertiser_id": j.deps.Advertiser, "custom_audience_ids": []string{l.AudienceID}, "shared_advertiser_ids": with}) // strings
	a, err := j.insist(ctx, call{method: http.MethodPost, endpoint: endpointShare, items: len(with), body: body, again: unapplied,
		do: func() pipeline.Answer { return j.deps.API.Post(ctx, endpointShare, body) }})
	if err != nil {
		return err
	}
	if !accepted(&a) {
		j.deps.Log.Warn("the audience could not be shared; uploads go on, and the next run tries again: correct audience_file.share_with",
			"audience_id", l.AudienceID, "with", with, "error", audience.Trouble(endpointShare, &a))
		return nil
	}
	if l.Shared == nil || l.Shared.AudienceID != l.AudienceID {
		l.Shared = &shared{AudienceID: l.AudienceID}
	}
	l.Shared.With = append(l.Shared.With, with...)
	j.deps.Log.Info("the audience is shared", "audience_id", l.AudienceID, "with", with)
	return j.deps.save(ctx, "ledger", l)
}

// unshared are the configured advertisers that the audience is not known to be shared with.
func (j *Job) unshared(l *ledger) []string {
	return slices.DeleteFunc(slices.Clone(j.plan.cfg.ShareWith), func(id string) bool {
		return l.Shared != nil && l.Shared.AudienceID == l.AudienceID && slices.Contains(l.Shared.With, id)
	})
}
