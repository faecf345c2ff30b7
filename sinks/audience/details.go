package audience

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Details are what TikTok says of an audience.
type Details struct {
	ID       string  `json:"audience_id"`
	Name     string  `json:"name"`
	Type     string  `json:"type"`          // as /get/ says it
	ListType string  `json:"audience_type"` // as /list/ says it
	Kind     string  `json:"calculate_type"`
	Covered  int64   `json:"cover_num"`
	Valid    bool    `json:"is_valid"`
	Expiring bool    `json:"is_expiring"`
	Creator  *bool   `json:"is_creator"`
	Owner    string  `json:"owner_id"`
	Error    *string `json:"error_msg"`
	Created  Time    `json:"create_time"`
	Expires  Time    `json:"expired_time"`

	Advertiser string   `json:"-"` // whose view this is
	History    []Change `json:"-"` // only what Look reads has it
}

// Change is something that happened to an audience at TikTok.
type Change struct {
	Action string `json:"action"`
	Msg    string `json:"msg"` // what was left out of it; it says nothing of the audience
	Time   Time   `json:"opt_time"`
}

// Time is a time as TikTok writes it: 2026-11-22 17:00:00, UTC. One that cannot be read is zero.
type Time struct{ time.Time }

// UnmarshalJSON reads a time.
func (t *Time) UnmarshalJSON(text []byte) error {
	t.Time, _ = time.Parse(`"`+time.DateTime+`"`, string(text))
	return nil
}

// IsPartner reports whether the audience can be filled through the Segment API.
func (d *Details) IsPartner() bool {
	return strings.HasPrefix(d.Type, "Partner") || strings.HasPrefix(d.ListType, "Partner")
}

// IsFile reports whether the audience is filled by files. Types are compared loosely: no list of them is published.
func (d *Details) IsFile() bool {
	kind := strings.ToLower(d.ListType + d.Type)
	return !strings.Contains(kind, "partner") && !strings.Contains(kind, "lookalike")
}

// Ours reports whether the advertiser owns the audience: another account's may be shared with it.
func (d *Details) Ours() bool { return d.Creator == nil || *d.Creator }

// HasExpired reports whether TikTok let the audience expire.
func (d *Details) HasExpired(now time.Time) bool {
	return !d.Expires.IsZero() && now.After(d.Expires.Time)
}

// Failure is what TikTok says is wrong with the audience, "" for nothing.
func (d *Details) Failure() string {
	if d.Error == nil {
		return ""
	}
	return *d.Error
}

// Status is what a person wants to know of an audience.
type Status string

const (
	Ready      Status = "ready"
	Processing Status = "processing" // or too small: TikTok says the same of both
	Failed     Status = "failed"
	Expired    Status = "expired"
)

// Settling is how long TikTok may take to make a changed audience usable.
const Settling = 48 * time.Hour

// Status derives the audience's state, for which TikTok has no field. changed is when it was last changed, if known.
func (d *Details) Status(now, changed time.Time) Status {
	switch {
	case d.HasExpired(now):
		return Expired
	case d.Valid:
		return Ready
	case d.Failure() != "":
		return Failed
	case changed.IsZero():
		changed = d.Created.Time
	}
	if now.Sub(changed) > Settling {
		return Failed
	}
	return Processing
}

const (
	maxName = 70
	cutName = 67
)

// Shortened is a name as TikTok stores it: one of more than 70 characters is cut to 67 and three dots.
func Shortened(name string) string {
	if utf8.RuneCountInString(name) <= maxName {
		return name
	}
	return string([]rune(name)[:cutName]) + "..."
}
