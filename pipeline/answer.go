package pipeline

import (
	"slices"
	"strconv"
	"time"
)

// Verdict is what an answer means for the call that got it. One classifier (sinks/tiktok) turns HTTP status, TikTok's
// code and network errors into a verdict; delivery acts on it and on nothing else.
type Verdict uint8

const (
	Accepted  Verdict = iota // every item is taken
	Warned                   // taken, with a warning to log (code 20001)
	Retry                    // trouble on the way or on TikTok's side: the same call again, after a pause
	Throttled                // too many calls: hold Scope, then the same call again
	Refused                  // TikTok refuses the data: find the row
	TooMany                  // TikTok refuses the size of the call: send it in parts
	Denied                   // the token or its permissions: stop the connection until that changes
	Broken                   // the configuration, or a fault of ours: stop the sync, or Scope, until that changes
	Unknown                  // a code that TikTok's table lacks: hold Scope, for it may mean anything
)

var verdictNames = [...]string{"accepted", "warned", "retry", "throttled", "refused", "too_many", "denied", "broken", "unknown"}

func (v Verdict) String() string { return verdictNames[v] }

// VerdictNamed is a verdict by its name; a word of a later version counts as trouble.
func VerdictNamed(name string) Verdict {
	if i := slices.Index(verdictNames[:], name); i >= 0 {
		return Verdict(i)
	}
	return Retry
}

// IsAccepted reports whether the call's items are taken.
func (a *Answer) IsAccepted() bool { return a.Verdict == Accepted || a.Verdict == Warned }

// Scope is what an answer holds up.
type Scope string

const (
	ScopeApp        Scope = "app"        // every endpoint of the developer app
	ScopeEndpoint   Scope = "endpoint"   // this endpoint
	ScopeField      Scope = "field"      // one destination: a pixel, an event set, an audience
	ScopeAdvertiser Scope = "advertiser" // one advertiser
)

// State is something TikTok is doing or has found that a call has to wait for; it is no fault of the data.
type State string

const (
	StateNotEditable State = "not_editable"       // the audience is being processed, or has size 0
	StateReplacing   State = "replace_unfinished" // an earlier replace has not ended: the next day will do
)

// Answer is what became of one API call.
type Answer struct {
	Verdict    Verdict
	HTTPStatus int    // 0 when no response came
	Code       int    // TikTok's code; 0 is success, or no code when HTTPStatus is not 200
	Message    string // TikTok's text, scrubbed of anything that may be personal data, at most 500 bytes
	RequestID  string
	Field      string        // the field the message names: "currency", or ""; which item has it no message says
	Unlisted   bool          // Code is not in TikTok's table as we know it
	Scope      Scope         // what a Throttled, Denied, Broken or Unknown answer holds up
	State      State         // for a Retry that has to wait for TikTok's own work
	Network    string        // what failed below HTTP: "timeout", "reset", "refused", "dns", "tls", "certificate", "closed", "" when a response came
	RetryAfter time.Duration // what the response asks to wait, 0 for nothing
	Duration   time.Duration
	Body       []byte // the response as received, for the live debugger; may be cut
}

// MayComeLate reports whether the call may still have its effect: it may have reached TikTok, whose own answer did not come.
func (a *Answer) MayComeLate() bool {
	return a.HTTPStatus >= 500 || a.Network == "timeout" || a.Network == "reset" || a.Network == "closed"
}

// CodeLabel is the answer's code as metrics label it: of codes that are not in the table, only the range.
func (a *Answer) CodeLabel() string {
	if a.Unlisted {
		return "other_" + strconv.Itoa(a.Code/10000%10) + "xxxx"
	}
	return a.CodeText()
}

// CodeText is the answer's code: TikTok's, else the HTTP status, else "network".
func (a *Answer) CodeText() string {
	switch {
	case a.HTTPStatus == 0:
		return "network"
	case a.HTTPStatus != 200 && a.Code == 0:
		return strconv.Itoa(a.HTTPStatus)
	}
	return strconv.Itoa(a.Code)
}

// Call is one API call as the live debugger shows it. Request holds hashes and no token.
type Call struct {
	Time     time.Time
	Sync     string
	Endpoint string // path below the API's base, "/event/track/"
	Envelope string
	Items    int
	Attempt  int    // 1 for the first
	Batch    string // id of the batch; the parts of a split batch have its prefix: "b7", "b7.0", "b7.1"
	Request  []byte
	Answer   Answer
	Rows     []Position // where its items come from, in item order
}

// Position is where a row is in Kafka.
type Position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	EventID   string `json:"event_id,omitempty"`
}

// String is the position as logs, dead letters and commands have it: topic/partition/offset.
func (p Position) String() string {
	return p.Topic + "/" + strconv.Itoa(int(p.Partition)) + "/" + strconv.FormatInt(p.Offset, 10)
}
