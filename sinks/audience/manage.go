package audience

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Delete deletes an audience at TikTok, which cannot be taken back. The error is a *pipeline.Trouble; one that is gone already
// is none.
func Delete(ctx context.Context, api API, d *Details) error {
	endpoint, fields := "/dmp/custom_audience/delete/", map[string]any{"custom_audience_ids": []string{d.ID}}
	if d.IsPartner() {
		endpoint, fields = "/segment/audience/", map[string]any{"action": "delete", "delete_audience_id": d.ID}
	}
	a := manage(ctx, api, d, endpoint, fields)
	if t := Trouble("delete audience "+d.ID, &a); t != nil && a.Code != codeMissing {
		return t
	}
	return nil
}

// Rename gives a file audience another name. TikTok renames no other kind, and none that is processed, too small or expired.
// The error is a *pipeline.Trouble.
func Rename(ctx context.Context, api API, d *Details, name string) error {
	a := manage(ctx, api, d, "/dmp/custom_audience/update/", map[string]any{"custom_audience_id": d.ID, "custom_audience_name": name})
	t := Trouble("rename audience "+d.ID, &a)
	if t == nil {
		return nil
	}
	return t
}

// MostShared is how many advertisers TikTok takes in one call of Share.
const MostShared = 10

// Share lets other advertisers of the owner's Business Center use an audience; its owner alone goes on changing it. The error is a
// *pipeline.Trouble.
func Share(ctx context.Context, api API, d *Details, with []string) error {
	a := manage(ctx, api, d, "/dmp/custom_audience/share/", map[string]any{"custom_audience_ids": []string{d.ID}, "shared_advertiser_ids": with})
	t := Trouble("share audience "+d.ID, &a)
	if t == nil {
		return nil
	}
	return t
}

func manage(ctx context.Context, api API, d *Details, endpoint string, fields map[string]any) pipeline.Answer {
	fields["advertiser_id"] = d.Advertiser
	body, _ := json.Marshal(fields) // strings
	return api.Post(ctx, endpoint, body)
}

// Filled are the ids of the audiences that a sync is bound to, as far as docs know.
func Filled(docs Documents, sync string) (ids []string, err error) {
	for _, key := range append(docs.Keys(Key(sync, "")+"/"), Key(sync, "")) {
		document, _ := docs.Get(key)
		b, err := ParseBinding(document)
		if err != nil {
			return nil, err
		}
		ids = slices.AppendSeq(ids, maps.Values(b.IDs))
	}
	return ids, nil
}
