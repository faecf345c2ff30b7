package sandbox

import (
	"fmt"
	"slices"
	"time"
)

const (
	minMembers      = 1000 // below it an audience cannot be used
	maxAudiences    = 400  // of one advertiser
	maxName         = 128
	maxSegmentName  = 70
	usualLife       = 365 * 24 * time.Hour
	expiringSoon    = 60 * 24 * time.Hour
	replaceInterval = 24 * time.Hour
	multipleTypes   = "MULTIPLE_TYPES"
	textInPart      = "Some of the data in the file could not be parsed."
	textUneditable  = "Audience is not editable, please check audience status"
	textUnfinished  = "This replace operation is rejected as there is an existing unfinished replace operation for this audience. " +
		"Please wait until the current operation completes on this audience before re trying. " +
		"Recommend no more than one replace operation per day."
)

// audience is one custom audience.
type audience struct {
	id, advertiser, name string
	segment              bool   // filled through /segment/mapping/: a Partner audience
	calculateType        string // of a file audience
	subType              string
	retention            int // days; 0 = renewed by every change
	created, edited      time.Time

	foreign bool      // another company's, shared with this advertiser
	shared  []string  // advertisers it is shared with
	expiry  time.Time // set by Change; zero = by the rules

	members memberSets
	valid   bool
	cover   int
	failure string
	history []HistoryEntry

	job          *job      // a file being processed
	replaced     time.Time // when the last REPLACE was taken
	refresh      time.Time // when a segment's size is next counted; zero = nothing changed
	added        int64
	removed      int64
	withoutTrace int64 // adds of members, removals of strangers
}

// job is the processing of uploaded files.
type job struct {
	action string // create, REPLACE, APPEND or REMOVE
	files  []*upload
	ends   time.Time
}

// HistoryEntry is one line of an audience's history.
type HistoryEntry struct {
	Action string    `json:"action"`
	Detail string    `json:"action_detail"`
	Editor string    `json:"editor"`
	Msg    string    `json:"msg"`
	Time   time.Time `json:"opt_time"`
}

func (a *audience) note(now time.Time, action, detail, msg string) {
	a.history = append(a.history, HistoryEntry{action, detail, "open_api", msg, now})
	a.edited = now
}

func (a *audience) expires() time.Time {
	if !a.expiry.IsZero() {
		return a.expiry
	}
	if a.retention > 0 {
		return a.created.Add(time.Duration(a.retention) * 24 * time.Hour)
	}
	return a.edited.Add(usualLife)
}

// settle brings an audience to what it is at a time: processing that has ended, sizes that have become visible.
func (a *audience) settle(now time.Time, rate float64) {
	switch {
	case a.job != nil && !now.Before(a.job.ends):
		a.finish(rate)
	case a.segment && !a.refresh.IsZero() && !now.Before(a.refresh):
		a.refresh = time.Time{}
		a.cover = int(float64(a.members.total()) * rate)
		a.valid = a.members.most() >= minMembers
	}
	if !now.Before(a.expires()) {
		a.valid = false
	}
}

// finish ends the processing of files. A change that leaves too few members fails and leaves the old content.
func (a *audience) finish(rate float64) {
	j := a.job
	a.job = nil
	result := j.result(a.members)
	if result.total() < minMembers {
		a.tooSmall(j)
		return
	}
	a.members, a.valid, a.failure = result, true, ""
	a.cover = int(float64(result.total()) * rate)
	if slices.ContainsFunc(j.files, func(u *upload) bool { return u.Bad > 0 }) {
		a.history[len(a.history)-1].Msg = textInPart
	}
}

func (a *audience) tooSmall(j *job) {
	a.failure = fmt.Sprintf("The audience size is smaller than %d.", minMembers)
	if j.action == "create" {
		a.valid, a.cover = false, 0
	}
	if n := len(a.history); n > 0 {
		a.history[n-1].Msg = a.failure
	}
}

// result is the content once the files are applied.
func (j *job) result(old memberSets) memberSets {
	content := memberSets{}
	if j.action == "APPEND" || j.action == "REMOVE" {
		content = old.clone()
	}
	for _, file := range j.files {
		for kind, ids := range file.members {
			for _, id := range ids {
				if j.action == "REMOVE" {
					content.remove(kind, id)
				} else {
					content.add(kind, id)
				}
			}
		}
	}
	return content
}

// usable reports whether the audience can be used and changed now.
func (a *audience) usable() bool { return a.valid && a.job == nil }

// visibleCover is the size TikTok shows.
func (a *audience) visibleCover() int {
	if a.job != nil {
		return 0
	}
	return a.cover
}

// shortened cuts the name of a segment as TikTok does.
func shortened(name string) string {
	if letters := []rune(name); len(letters) > maxSegmentName {
		return string(letters[:maxSegmentName-3]) + "..."
	}
	return name
}
