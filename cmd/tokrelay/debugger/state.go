package debugger

import (
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// state is how a sync is, in words. The tone colours it: good, busy, wait, stop or idle.
type state struct {
	Tone   string    `json:"tone"`
	Words  string    `json:"words"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// troubled are the kinds of trouble in words; what is done about each is in docs/operations.
var troubled = map[pipeline.TroubleKind]string{
	pipeline.TroubleRegistry:   "waiting for the schema registry",
	pipeline.TroubleKafka:      "waiting for Kafka",
	pipeline.TroubleBatch:      "a partition is held: a batch cannot be read",
	pipeline.TroubleDeadLetter: "held: dead letters cannot be written",
	pipeline.TroubleTikTok:     "waiting: TikTok is away",
	pipeline.TroubleThrottled:  "waiting for TikTok’s limit",
	pipeline.TroubleToken:      "held: token refused",
	pipeline.TroubleConfig:     "held: the configuration is wrong",
	pipeline.TroubleRefused:    "held: TikTok refuses everything",
	pipeline.TroubleUnknown:    "held: an unknown answer of TikTok",
	pipeline.TroubleRejected:   "stopped: too many rows rejected",
	pipeline.TroubleColumn:     "stopped: a mapped column is gone",
	pipeline.TroubleState:      "waiting for the state topic",
	pipeline.TroubleDisk:       "waiting for room on the disk",
	pipeline.TroubleAudience:   "held: the audience cannot be used",
	pipeline.TroublePaused:     "paused by an operator",
}

// stateOf puts a sync's state into words: its first trouble, else what it does.
func stateOf(troubles []pipeline.TroubleSince, f figures) state {
	if len(troubles) > 0 {
		return troubleState(troubles[0])
	}
	switch c := f.Total; {
	case c.Assigned == 0 && c.Records == 0:
		return state{Tone: "idle", Words: "starting", Detail: "no partitions yet; where there are more instances than partitions, it stands by"}
	case c.Assigned == 0:
		return state{Tone: "idle", Words: "standing by", Detail: "other instances read its partitions"}
	case f.Rate > 0 || c.InFlight > 0:
		return state{Tone: "good", Words: "running"}
	case c.LagRecords > 0:
		return state{Tone: "busy", Words: "catching up", Detail: "rows wait and none has settled in the last seconds"}
	}
	return state{Tone: "good", Words: "caught up"}
}

func troubleState(t pipeline.TroubleSince) state {
	s := state{Tone: "wait", Words: troubled[t.Kind], Detail: t.What, Since: t.Since, Until: t.Until}
	switch {
	case t.Kind == pipeline.TroublePaused: // on purpose
		s.Tone = "idle"
	case t.Stop:
		s.Tone = "stop"
	}
	switch {
	case t.Kind == pipeline.TroubleRejected:
		var rejected, rows int
		if n, _ := fmt.Sscanf(t.What, "%d of the last %d", &rejected, &rows); n == 2 && rows > 0 {
			s.Words = fmt.Sprintf("stopped: %d %% of rows rejected", 100*rejected/rows)
		}
	case !t.Until.IsZero() && !t.Stop:
		s.Words += " until " + clock(t.Until)
	case s.Words == "":
		s.Words = "held: " + string(t.Kind)
	}
	return s
}
