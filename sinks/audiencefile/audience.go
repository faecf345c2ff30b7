package audiencefile

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	bound "github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// audience is what TikTok says of one.
type audience struct {
	ID        string `json:"audience_id"`
	Name      string `json:"name"`
	ListType  string `json:"audience_type"`
	GetType   string `json:"type"`
	Kind      string `json:"calculate_type"`
	Covered   int64  `json:"cover_num"`
	Valid     bool   `json:"is_valid"`
	Creator   *bool  `json:"is_creator"`
	Shared    bool   `json:"shared"`
	Msg       string `json:"msg"`
	ErrorMsg  string `json:"error_msg"`
	Created   string `json:"create_time"`
	ExpiredAt string `json:"expired_time"`

	history []historyEntry
}

type historyEntry struct {
	Action string `json:"action"`
	Msg    string `json:"msg"`
	Time   string `json:"opt_time"`
}

// isFile says whether it is an audience by file. Types are compared loosely: no list of them is published.
func (a *audience) isFile() bool {
	kind := strings.ToLower(a.ListType + a.GetType)
	return !strings.Contains(kind, "partner") && !strings.Contains(kind, "lookalike")
}

func (a *audience) isOurs() bool { return a.Creator == nil || *a.Creator }

// changedSince tells whether TikTok's history has anything that happened at t or later.
func (a *audience) changedSince(t time.Time) bool {
	for _, h := range a.history {
		if !apiTime(h.Time).Before(t) {
			return true
		}
	}
	return false
}

// failedSince is the text of a failure that happened at t or later.
func (a *audience) failedSince(t time.Time) string {
	for _, h := range a.history {
		if h.Msg != "" && !apiTime(h.Time).Before(t) {
			return h.Msg
		}
	}
	return a.ErrorMsg
}

// bind has it remembered that the sync fills its audience by file. It refuses a sync that filled it by segment until its
// members are forgotten: what they left behind would be taken for what is there when it goes back.
func (j *Job) bind(ctx context.Context) error {
	own, key := j.plan.cfg.Audience, bound.Key(j.deps.Sync, "")
	want := bound.Binding{Mode: bound.File, Name: own.Name}
	b, err := bound.Bound(ctx, j.deps.Store, j.deps.Sync, key, want)
	if err != nil || b.Mode == want.Mode && b.Name == want.Name {
		return err
	}
	want.Generation = b.Generation
	return bound.Remember(ctx, j.deps.Store, key, want)
}

// missing says that the audience is not there: nil from look.
var noAudience *audience

// look asks TikTok about one audience; nil when it does not exist.
func (j *Job) look(ctx context.Context, id string) (*audience, error) {
	a, err := j.ask(ctx, endpointGet, url.Values{"custom_audience_ids": {idList(id)}})
	if err != nil {
		return nil, err
	}
	if a.Code == codeMissing {
		return noAudience, nil
	}
	if !accepted(&a) {
		return nil, troubleOf(endpointGet, &a)
	}
	var data struct {
		List []struct {
			Details audience       `json:"audience_details"`
			History []historyEntry `json:"audience_history"`
		} `json:"list"`
	}
	if err := tiktok.Data(&a, &data); err != nil {
		return nil, &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: err.Error()}
	}
	for _, one := range data.List {
		if one.Details.ID == id {
			one.Details.history = one.History
			return &one.Details, nil
		}
	}
	return noAudience, nil
}

// find looks for file audiences of the configured name.
func (j *Job) find(ctx context.Context) (found []audience, err error) {
	for n := 1; ; n++ {
		a, err := j.ask(ctx, endpointList, url.Values{"page": {page(n)}, "page_size": {"100"}})
		if err != nil {
			return nil, err
		}
		if !accepted(&a) {
			return nil, troubleOf(endpointList, &a)
		}
		var data struct {
			List []audience `json:"list"`
			Page struct {
				Pages int `json:"total_page"`
			} `json:"page_info"`
		}
		if err := tiktok.Data(&a, &data); err != nil {
			return nil, &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: err.Error()}
		}
		for _, one := range data.List {
			if one.Name == j.plan.cfg.Audience.Name && one.isFile() {
				found = append(found, one)
			}
		}
		if n >= data.Page.Pages || len(data.List) == 0 {
			return found, nil
		}
	}
}

// known gives the id of the audience to replace, "" when there is none of that name yet (find before create).
func (j *Job) known(ctx context.Context, l *ledger) (string, error) {
	if id := j.plan.cfg.Audience.ID; id != "" {
		return id, nil
	}
	if l.AudienceID != "" {
		a, err := j.look(ctx, l.AudienceID)
		if err != nil || a != nil {
			return l.AudienceID, err
		}
		j.deps.Log.Warn("the audience was deleted at TikTok; looking for its name again", "audience_id", l.AudienceID)
	}
	found, err := j.find(ctx)
	if err != nil {
		return "", err
	}
	return j.choose(found)
}

func (j *Job) choose(found []audience) (string, error) {
	ours := found[:0:0]
	for _, one := range found {
		if one.isOurs() {
			ours = append(ours, one)
		}
	}
	switch {
	case len(ours) == 0:
		return "", nil
	case len(ours) > 1:
		return "", stop("the advertiser has %d file audiences of this name: choose one by `audience: {id: …}`", len(ours))
	case ours[0].Kind != "" && ours[0].Kind != j.plan.layout.Kind:
		return "", stop("the audience of this name is matched by %s, not by %s: give another name, or map that identifier", ours[0].Kind, j.plan.layout.Kind)
	}
	return ours[0].ID, nil
}

// stop is a trouble with the audience that somebody has to put right.
func stop(format string, args ...any) error {
	return &pipeline.Trouble{Kind: pipeline.TroubleAudience, Stop: true, What: fmt.Sprintf(format, args...)}
}
