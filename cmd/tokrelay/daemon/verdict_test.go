package daemon

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// A partition's rows that wait, counted by hand: it begins at start, its rows of the last minute at recent.
func TestRowsThatWaitAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		committed, start, recent, end int64
		rows                          int64
		old                           bool
	}{
		"all settled":                          {committed: 100, end: 100, recent: 100},
		"three of the last minute wait":        {committed: 97, end: 100, recent: 90, rows: 3},
		"one is older":                         {committed: 89, end: 100, recent: 90, rows: 11, old: true},
		"nothing settled yet":                  {committed: -1, start: 40, end: 100, recent: 100, rows: 60, old: true},
		"retention overtook it":                {committed: 10, start: 40, end: 100, recent: 100, rows: 60, old: true},
		"the topic was made again":             {committed: 500, end: 4, recent: 0, rows: 4},
		"an empty partition without an offset": {committed: -1},
	} {
		t.Run(name, func(t *testing.T) {
			var g GroupState
			g.add(&admin.Place{Committed: c.committed, Start: c.start, End: c.end}, c.recent)
			old := len(g.Behind) > 0 && g.Behind[0].Old
			if g.LagRows != c.rows || old != c.old {
				t.Errorf("%d rows, older than a minute: %v; want %d, %v", g.LagRows, old, c.rows, c.old)
			}
		})
	}
}

func TestAVerdictIsTheWorstThatIsKnown(t *testing.T) {
	stop, wait := Wait{HeldBy: HeldBy{Kind: pipeline.TroubleToken, Stop: true}}, Wait{HeldBy: HeldBy{Kind: pipeline.TroubleTikTok}}
	pause := Wait{HeldBy: HeldBy{Kind: pipeline.TroublePaused, Stop: true}}
	fresh, old := []PartitionLag{{}}, []PartitionLag{{Old: true}}
	for name, c := range map[string]struct {
		g       GroupState
		running bool
		want    Verdict
	}{
		"nothing waits":                        {GroupState{}, true, UpToDate},
		"rows are on their way":                {GroupState{Behind: fresh, LagRows: 1}, true, UpToDate},
		"a row is old":                         {GroupState{Behind: old, LagRows: 1}, true, Behind},
		"TikTok is away and rows wait":         {GroupState{Behind: fresh, LagRows: 1, Waits: []Wait{wait}}, true, Behind},
		"TikTok is away and none waits":        {GroupState{Waits: []Wait{wait}}, true, UpToDate},
		"TikTok is away for a file":            {GroupState{Kind: KindFile, Waits: []Wait{wait}}, true, Behind},
		"it cannot be told":                    {GroupState{Problem: "no"}, true, Behind},
		"nothing runs, and nothing waits":      {GroupState{}, false, NotRunning},
		"nothing runs":                         {GroupState{Behind: old, LagRows: 1}, false, NotRunning},
		"it is paused":                         {GroupState{Waits: []Wait{pause}}, true, Paused},
		"it is paused, and an instance failed": {GroupState{Waits: []Wait{stop, pause}}, true, Held},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.g.judge(c.running); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
