package audience

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// doubt is how long a create without an answer is taken for one that may have worked: until then the list of audiences
// is asked again, and nothing is created.
const doubt = time.Minute

func (t *Target) findOrCreate(ctx context.Context, advertiser, name string) (string, error) {
	found, err := Directory{API: t.api, Advertiser: advertiser}.Find(ctx, Shortened(name), func(d *Details) bool {
		return d.IsPartner() && d.Ours() && !d.HasExpired(t.now())
	})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		t.tellTaken(name, found)
		return found[0].ID, nil
	}
	key := advertiser + "/" + name
	if since, ok := t.doubted(key); ok && t.now().Sub(since) < doubt {
		return "", &pipeline.Trouble{Kind: pipeline.TroubleTikTok, Until: since.Add(doubt),
			What: "create audience: TikTok did not answer; looking whether it is there"}
	}
	return t.create(ctx, advertiser, name, key)
}

// tellTaken says which of several audiences of the configured name is filled: the oldest.
func (t *Target) tellTaken(name string, found []Details) {
	if len(found) > 1 && name == t.wanted.Name {
		t.log.Warn("the advertiser has several audiences of this name, and the oldest is filled: to fill another, run `tokrelay resync --recreate` with audience: {id: …}",
			"sync", t.wanted.Sync, "audience", name, "audience_id", found[0].ID, "others", len(found)-1)
	}
}

// Refused is TikTok's refusal to create an audience, right after it has listed those there are: it works, and does not
// want this one. Where the configuration names the audience the sync waits; where a row does, the row is rejected.
type Refused struct{ *pipeline.Trouble }

func (e *Refused) Unwrap() error { return e.Trouble }

// Full is the error of an audience that a row names and the sync has no room for.
type Full struct{ Audiences int }

func (e *Full) Error() string { return fmt.Sprintf("rows have named %d audiences so far", e.Audiences) }

// create makes the audience. A call without an answer is not made again: a second audience of the name would appear.
func (t *Target) create(ctx context.Context, advertiser, name, key string) (string, error) {
	body, err := json.Marshal(map[string]string{"advertiser_id": advertiser, "action": "create", "custom_audience_name": name})
	if err != nil {
		return "", err
	}
	a := t.api.Post(ctx, "/segment/audience/", body)
	if a.Verdict == pipeline.Retry {
		t.doubt(key, t.now())
	}
	if trouble := Trouble("create audience", &a); trouble != nil {
		if trouble.Kind == pipeline.TroubleAudience || a.Scope == pipeline.ScopeField {
			return "", &Refused{trouble}
		}
		return "", trouble
	}
	t.doubt(key, time.Time{})
	var data struct {
		ID string `json:"audience_id"`
	}
	if err := tiktok.Data(&a, &data); err != nil || data.ID == "" {
		t.doubt(key, t.now())
		return "", &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: "create audience: the answer names no audience"}
	}
	return data.ID, nil
}

func (t *Target) doubted(key string) (since time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since, ok = t.doubts[key]
	return since, ok
}

// doubt notes that a create may have worked, or, at no time, that there is no doubt about it.
func (t *Target) doubt(key string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubts[key] = at; at.IsZero() {
		delete(t.doubts, key)
	}
}
