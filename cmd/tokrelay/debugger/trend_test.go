package debugger

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// mapDocs are documents in a map.
type mapDocs map[string][]byte

func (m mapDocs) Get(key string) ([]byte, bool) { doc, ok := m[key]; return doc, ok }

func (m mapDocs) Keys(prefix string) (keys []string) {
	for key := range m {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (m mapDocs) Put(_ context.Context, key string, doc []byte) error {
	if m[key] = doc; doc == nil {
		delete(m, key)
	}
	return nil
}

// TestDaysOfChartsAddUpInstancesAndSurviveRestarts runs two instances for three days, one of which is started again in the middle of a step.
func TestDaysOfChartsAddUpInstancesAndSurviveRestarts(t *testing.T) {
	docs, now := mapDocs{}, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	begin := now
	var totals [2]trendPoint
	start := func(i int) *trend {
		totals[i] = trendPoint{}
		return newTrend(docs, "host-"+strconv.Itoa(i), func(string) (trendPoint, bool) { return totals[i], true }, func() time.Time { return now })
	}
	running := [2]*trend{start(0), start(1)}
	var delivered [3 * 24 * 4]int64 // by step, as the test counts
	for minute := range 3 * 24 * 60 {
		if minute == 24*60+7 {
			running[1] = start(1)
		}
		for i, tr := range running {
			totals[i].Delivered += int64(minute%7 + i)
			totals[i].Lag, totals[i].Members = int64(10+i), 1000
			delivered[minute/15] += int64(minute%7 + i)
			tr.write(t.Context(), []string{"orders"})
		}
		now = now.Add(time.Minute)
	}
	got := running[0].days("orders", begin, now.Add(-time.Minute))
	if len(got) != len(delivered) {
		t.Fatalf("got %d steps, want %d", len(got), len(delivered))
	}
	for i, p := range got {
		if p.Delivered != delivered[i] || p.Lag != 21 || p.Members != 2000 {
			t.Errorf("step %d: got %+v, want %d delivered, 21 behind, 2000 remembered", i, p, delivered[i])
		}
	}
	if late := running[0].days("orders", begin.Add(25*time.Hour), now.Add(-time.Minute)); len(late) != 47*4 || late[0].Delivered != delivered[100] {
		t.Errorf("from the second day on: %d steps, the first %+v, want %d and %d delivered", len(late), late[0], 47*4, delivered[100])
	}
	now = now.AddDate(0, 0, trendDays)
	running[0].write(t.Context(), []string{"orders"})
	if keys := docs.Keys(trendPrefix); len(keys) != 1 {
		t.Errorf("a week later %v are kept, want today's alone", keys)
	}
}

func TestADayOfWhichNothingIsNewIsNotWrittenAgain(t *testing.T) {
	docs, now := mapDocs{}, time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	tr := newTrend(docs, "a", func(string) (trendPoint, bool) { return trendPoint{Delivered: 5}, true }, func() time.Time { return now })
	tr.write(t.Context(), []string{"orders"})
	clear(docs)
	now = now.Add(time.Minute)
	if tr.write(t.Context(), []string{"orders"}); len(docs) > 0 {
		t.Errorf("written again: %v", docs)
	}
}

func TestALargeChartHasAxesAndTheValuesUnderThePointer(t *testing.T) {
	until := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	c := newLargeChart("Delivered", "rows/s", "good", []float64{1, 3, 7, 2}, span{until, time.Hour, "last 4 hours"})
	if strings.Join(c.Axes.Levels, " ") != "10 5.0 0" {
		t.Errorf("levels %v, want a round number above 7, its half, and 0", c.Axes.Levels)
	}
	if first, last := c.Axes.Times[0], c.Axes.Times[4]; !first.Equal(until.Add(-4*time.Hour)) || !last.Equal(until) {
		t.Errorf("from %v to %v, want the four hours until %v", first, last, until)
	}
	if c.Values != "1,3,7,2" || c.From != until.Add(-4*time.Hour).UnixMilli() {
		t.Errorf("values %s from %d", c.Values, c.From)
	}
	for n, want := range map[float64]float64{1: 1, 1.2: 2, 4: 5, 7: 10, 1900: 2000, 5303: 10000, 0.3: 0.5} {
		if got := round(n); got < want*0.999 || got > want*1.001 {
			t.Errorf("%v is rounded up to %v, want %v", n, got, want)
		}
	}
}

func TestTheNextUploadIsToldInWords(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 22, 30, 0, 0, time.UTC) // 23:30 in Berlin, a Monday
	for want, next := range map[string]time.Time{
		"today at 23:45 CET":         time.Date(2026, 11, 30, 23, 45, 0, 0, berlin),
		"tomorrow at 03:00 CET":      time.Date(2026, 12, 1, 3, 0, 0, 0, berlin),
		"on Sunday at 03:00 CET":     time.Date(2026, 12, 6, 3, 0, 0, 0, berlin),
		"on 7 December at 03:00 CET": time.Date(2026, 12, 7, 3, 0, 0, 0, berlin),
	} {
		if got := nextWords(next, now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAFileAudienceIsAsLargeAsItsLastUpload(t *testing.T) {
	from := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	runs := []audiencefile.Manifest{ // newest first
		{Ended: from.Add(45 * time.Minute), Result: audiencefile.Shrunk},
		{Ended: from.Add(31 * time.Minute), Result: audiencefile.Uploaded},
		{Ended: from.Add(-time.Hour), Result: audiencefile.Uploaded},
	}
	runs[0].Members, runs[1].Members, runs[2].Members = 1, 70, 50
	got := sizes(runs, from, 5)
	for i, want := range []float64{50, 50, 70, 70, 70} {
		if got[i] != want {
			t.Errorf("got %v, want 50, and 70 from the third step on", got)
			break
		}
	}
}

func TestTheTitleAndTheIconOfEveryPageTellTrouble(t *testing.T) {
	p := quietPage(t)
	_, html := shown(p, "GET", "/preview", nil)
	if !strings.Contains(html, `>Preview · tokrelay</title>`) || !strings.Contains(html, `href="/assets/icon.svg"`) {
		t.Errorf("without trouble the title is not plain: %s", html[:600])
	}
	p.d.Wiring.Status.Set("orders", "test", &pipeline.Trouble{Kind: pipeline.TroubleToken, What: "refused", Stop: true})
	_, html = shown(p, "GET", "/preview", nil)
	if !strings.Contains(html, `■ orders needs attention · Preview · tokrelay</title>`) || !strings.Contains(html, `href="/assets/icon-stop.svg"`) {
		t.Errorf("trouble is not in the title and the icon: %s", html[:600])
	}
	for _, tone := range []string{"", "-stop", "-wait", "-gone"} {
		if code, _ := shown(p, "GET", "/assets/icon"+tone+".svg", nil); code != http.StatusOK {
			t.Errorf("icon%s.svg is answered %d", tone, code)
		}
	}
}

func TestAnAddressWithoutAPageIsAnsweredByAPage(t *testing.T) {
	p := quietPage(t)
	code, html := shown(p, "GET", "/nowhere/at/all", nil)
	if code != http.StatusNotFound || !strings.Contains(html, "There is no page at this address") && !strings.Contains(html, "there is no page at this address") || !strings.Contains(html, `href="/"`) {
		t.Errorf("answered %d: %s", code, html)
	}
}

func TestAnUploadIsAskedForByThoseWhoMay(t *testing.T) {
	p := quietPage(t)
	if code, _ := shown(p, "POST", "/syncs/orders/upload", url.Values{}); code != http.StatusForbidden {
		t.Errorf("without admin.actions: answered %d, want 403", code)
	}
	p.d.Wiring.Config.Admin.Actions = true
	if code, _ := shown(p, "POST", "/syncs/orders/upload", url.Values{}); code != http.StatusNotFound {
		t.Errorf("of a sync that uploads nothing: answered %d, want 404", code)
	}
}
