package audiencefile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Result is how a run ended.
type Result string

const (
	Uploaded  Result = "uploaded"
	Unchanged Result = "unchanged" // TikTok holds this very set
	TooSmall  Result = "too_small" // fewer members than TikTok uses: no call was made
	Shrunk    Result = "shrunk"    // fewer than guard.max_shrink allows: an operator has to look
	TooSoon   Result = "too_soon"  // the audience was uploaded within the last day
	PutOff    Result = "put_off"   // TikTok is still busy with the last upload
	Stopped   Result = "stopped"   // something that an operator has to put right
	Broken    Result = "failed"    // trouble that passes: it will be tried again
	Cut       Result = "cut_off"   // tokrelay was stopped, or another instance took over: the next run begins again
)

// Results lists them all, for metrics.
var Results = []Result{Uploaded, Unchanged, TooSmall, Shrunk, TooSoon, PutOff, Stopped, Broken, Cut}

// Done says that nothing is left to do about it.
func (r Result) Done() bool { return r == Uploaded || r == Unchanged || r == TooSoon }

// Manifest is what happened in a run. It holds no personal data.
type Manifest struct {
	Run        string    `json:"run"`
	Sync       string    `json:"sync"`
	AudienceID string    `json:"audience_id,omitempty"`
	Why        string    `json:"why"` // schedule, request, resync, again
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	Result     Result    `json:"result"`
	Text       string    `json:"text"` // one sentence for a person
	Again      time.Time `json:"again,omitzero"`

	Spans  []build.Span `json:"offsets,omitempty"` // what was read
	Reused bool         `json:"reused"`            // only what changed since the last run was read
	build.Counts
	build.Set
	Previous int64        `json:"previous"` // members of the previous upload, -1 if there was none
	Files    []build.File `json:"files,omitempty"`
	Action   string       `json:"action,omitempty"` // create or replace
	Calls    int          `json:"calls"`
	Settled  Settled      `json:"settled,omitempty"` // how TikTok's processing ended
	Covered  int64        `json:"covered"`           // what TikTok then reported
	Remark   string       `json:"remark,omitempty"`  // TikTok's, of an upload that failed or is used in part
}

// most manifests, and bytes of them, that are kept.
const (
	keptManifests     = 20
	keptManifestBytes = 256 << 10
)

// Manifests are an audience's newest runs, newest first. Any instance, and a command, may ask.
func Manifests(ctx context.Context, store audience.Store, advertiser string, a Audience) ([]Manifest, error) {
	d := Deps{Store: store, ledger: AudienceKey(advertiser, a)}
	var list []Manifest
	return list, d.load(ctx, "manifests", &list)
}

// remember puts a manifest in front of the list, in place of one that says the same: waiting for TikTok hour after hour must
// not push out what was uploaded.
func (d *Deps) remember(ctx context.Context, m *Manifest) error {
	var list []Manifest
	if err := d.load(ctx, "manifests", &list); err != nil {
		return err
	}
	if len(list) > 0 && list[0].Result == m.Result && m.Result != Uploaded {
		list = list[1:]
	}
	list = slices.Insert(list, 0, *m)
	return d.save(ctx, "manifests", shortened(list))
}

// note changes the manifest of a run, if it is still kept.
func (d *Deps) note(ctx context.Context, run string, change func(*Manifest)) error {
	var list []Manifest
	if err := d.load(ctx, "manifests", &list); err != nil {
		return err
	}
	for i := range list {
		if list[i].Run == run {
			change(&list[i])
			return d.save(ctx, "manifests", list)
		}
	}
	return nil
}

func shortened(list []Manifest) []Manifest {
	list = list[:min(len(list), keptManifests)]
	for n := len(list); n > 1; n-- {
		if text, err := json.Marshal(list[:n]); err == nil && len(text) <= keptManifestBytes {
			return list[:n]
		}
	}
	return list[:1]
}

// sentence says what happened, with the numbers.
func (m *Manifest) sentence() string {
	text := fmt.Sprintf("%d members of %d records", m.Members, m.Records)
	if m.Compared {
		text += fmt.Sprintf(", %d added, %d removed, %d unchanged", m.Added, m.Removed, m.Unchanged)
	}
	return text
}
