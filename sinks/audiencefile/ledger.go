package audiencefile

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// ledger is what every instance must know of an audience before it uploads. It is written only under the lease.
type ledger struct {
	AudienceID string    `json:"audience_id,omitempty"`
	Folder     string    `json:"folder,omitempty"`  // the end of the work folder's name
	Window     time.Time `json:"window,omitzero"`   // the newest time of the schedule that is dealt with
	Missed     time.Time `json:"missed,omitzero"`   // the first time of the schedule since which no run has renewed the audience
	Request    string    `json:"request,omitempty"` // the newest request that is dealt with
	Again      time.Time `json:"again,omitzero"`    // when a run that was put off is to be made
	LastRun    time.Time `json:"last_run,omitzero"` // when a run last ended, however
	Stopped    time.Time `json:"stopped,omitzero"`  // since when TikTok's answers have stopped every run
	Last       *Upload   `json:"last,omitempty"`    // the newest upload that TikTok accepted
	Before     *Upload   `json:"before,omitempty"`  // the newest one before it that TikTok could use
	Shared     *shared   `json:"shared,omitempty"`  // whom the audience is shared with
	Intent     *Upload   `json:"intent,omitempty"`  // an upload whose call may have been made; its outcome is unknown
}

// Upload is one upload as the ledger knows it.
type Upload struct {
	Run     string    `json:"run"`
	At      time.Time `json:"at"`             // just before the call
	Taken   time.Time `json:"taken,omitzero"` // when its acceptance was known
	Action  string    `json:"action"`         // create or replace
	Members int64     `json:"members"`
	Digest  string    `json:"digest"`
	Before  int64     `json:"covered_before"` // what TikTok covered before
	Settled Settled   `json:"settled,omitempty"`
	Covered int64     `json:"covered"`
	Checked time.Time `json:"checked,omitzero"`
}

// Settled is how TikTok's processing of an upload ended; "" while it lasts.
type Settled string

const (
	Usable Settled = "usable"
	Failed Settled = "failed"
)

const (
	actionCreate  = "create"
	actionReplace = "replace"
)

// day is how long TikTok wants between two uploads of an audience.
const day = 24 * time.Hour

// load reads a document as it is now; it leaves into alone when there is none.
func (d *Deps) load(ctx context.Context, what string, into any) error {
	if err := d.Store.Refresh(ctx); err != nil {
		return stateTrouble("read the "+what, err)
	}
	text, ok := d.Store.Get(d.key(what))
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &pipeline.Trouble{Kind: pipeline.TroubleState, Stop: true, What: "read the " + what + ": it is not ours"}
	}
	return nil
}

func (d *Deps) save(ctx context.Context, what string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	if err := d.Store.Put(ctx, d.key(what), text); err != nil {
		return stateTrouble("write the "+what, err)
	}
	return nil
}

// document is one of the audience's for the build.
func (d *Deps) document(what string) build.Document {
	return build.Document{Load: func(ctx context.Context, into any) error { return d.load(ctx, what, into) },
		Save: func(ctx context.Context, v any) error { return d.save(ctx, what, v) }}
}

func stateTrouble(doing string, err error) error {
	return &pipeline.Trouble{Kind: pipeline.TroubleState, What: doing + ": " + err.Error()}
}

// next is when TikTok takes another upload, as far as the ledger knows: its clock may be behind ours.
func (l *ledger) next() time.Time {
	if l.Last == nil {
		return time.Time{}
	}
	return latest(l.Last.At, l.Last.Taken).Add(day + clockSlack)
}

// held is the upload whose members TikTok holds, or will once it has processed them: one that failed leaves those of before.
func (l *ledger) held() *Upload {
	if l.Last != nil && l.Last.Settled == Failed {
		return l.Before
	}
	return l.Last
}

// members is how many TikTok holds, -1 when no upload of ours became usable.
func (l *ledger) members() int64 {
	if held := l.held(); held != nil {
		return held.Members
	}
	return -1
}

// Filled is the id of the audience that was uploaded to, as far as docs know; none before the first upload.
func Filled(docs audience.Documents, advertiser string, a Audience) (ids []string, err error) {
	text, ok := docs.Get(AudienceKey(advertiser, a) + "/ledger")
	l := ledger{}
	if ok {
		err = json.Unmarshal(text, &l)
	}
	if err != nil || l.AudienceID == "" {
		return nil, err
	}
	return []string{l.AudienceID}, nil
}
