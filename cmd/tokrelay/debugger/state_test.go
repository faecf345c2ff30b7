package debugger

import (
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

func TestStatesInWords(t *testing.T) {
	until := time.Now().Add(time.Minute)
	trouble := func(kind pipeline.TroubleKind, what string, stop bool, until time.Time) []pipeline.TroubleSince {
		return []pipeline.TroubleSince{{Trouble: &pipeline.Trouble{Kind: kind, What: what, Stop: stop, Until: until}, Since: time.Now()}}
	}
	counts := func(assigned, records, lag int64) *metrics.Counts {
		return &metrics.Counts{Assigned: assigned, Records: records, LagRecords: lag}
	}
	cases := []struct {
		name     string
		troubles []pipeline.TroubleSince
		figures  figures
		tone     string
		words    string
	}{
		{"rows settle", nil, figures{Rate: 5, Total: counts(3, 10, 4)}, "good", "running"},
		{"nothing to do", nil, figures{Total: counts(3, 10, 0)}, "good", "caught up"},
		{"rows wait and nothing moves", nil, figures{Total: counts(3, 10, 4)}, "busy", "catching up"},
		{"nothing assigned yet", nil, figures{Total: counts(0, 0, 0)}, "idle", "starting"},
		{"others do the work", nil, figures{Total: counts(0, 9, 0)}, "idle", "standing by"},
		{"limit", trouble(pipeline.TroubleThrottled, "Too many requests (40100)", false, until), figures{}, "wait", "waiting for TikTok’s limit until " + until.UTC().Format("15:04:05")},
		{"token", trouble(pipeline.TroubleToken, "Access token is incorrect (40105)", true, until), figures{}, "stop", "held: token refused"},
		{"rejected share", trouble(pipeline.TroubleRejected, "620 of the last 1000 rows were rejected, mostly for invalid_currency: correct the mapping and restart", true, time.Time{}), figures{}, "stop", "stopped: 62 % of rows rejected"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := stateOf(c.troubles, c.figures); got.Tone != c.tone || got.Words != c.words {
				t.Errorf("got %s %q, want %s %q", got.Tone, got.Words, c.tone, c.words)
			}
		})
	}
}

func TestEveryKindOfTroubleHasWords(t *testing.T) {
	for _, kind := range pipeline.TroubleKinds {
		if troubled[kind] == "" {
			t.Errorf("trouble %s has no words", kind)
		}
	}
}

func TestAnHourFitsInAHistoryAndLosesNoRow(t *testing.T) {
	var h history
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	h.add(now, point{})
	seconds := 0
	for range 3000 {
		seconds++
		h.add(now.Add(time.Duration(seconds)*time.Second), point{delivered: 1, lag: int64(seconds), reasons: []reasonCount{{pipeline.InvalidURL, 2}}})
	}
	var delivered, reasons int64
	for i := range h.points {
		delivered += h.points[i].delivered
		reasons += ofReason(pipeline.InvalidURL)(&h.points[i])
	}
	delivered += h.open.delivered
	if delivered != 3000 || len(h.points) > mostPoints {
		t.Errorf("%d rows in %d points, want 3000 in at most %d", delivered, len(h.points), mostPoints)
	}
	if reasons < 2*2900 {
		t.Errorf("%d rejections remembered, want about 6000", reasons)
	}
	for range 10_000 {
		seconds++
		h.add(now.Add(time.Duration(seconds)*time.Second), point{delivered: 1})
	}
	if h.step != longStep || h.span() > time.Hour || h.span() < 59*time.Minute {
		t.Errorf("after hours it spans %v in steps of %v", h.span(), h.step)
	}
}

func TestAChartKeepsItsPeak(t *testing.T) {
	values := make([]float64, 450)
	values[333] = 1234
	c := newChart("Delivered", "rows/s", "good", values, span{time.Now(), time.Second, "last hour"})
	if c.Peak != "1,234" || c.Span != "last hour" || c.Empty {
		t.Errorf("peak %s, %s", c.Peak, c.Span)
	}
	if c := newChart("Rejected", "rows/s", "stop", make([]float64, 9), span{time.Now(), time.Second, "last 9 s"}); !c.Empty || c.Line != "" {
		t.Error("a chart of nothing draws something")
	}
}
