package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// statKey is what the events of pixels are counted by: days of UTC, the source's id and the reported name.
type statKey struct {
	day           int64
	source, event string
}

// dayCount counts the events of a day: those this simulator took, and those it was told that browsers sent.
type dayCount struct{ server, browser, attributed int64 }

func dayOf(t time.Time) int64 { return t.Unix() / 86_400 }

// daily is the count of a day. The caller holds the lock.
func (l *ledger) daily(key statKey) *dayCount {
	n := l.days[key]
	if n == nil {
		n = &dayCount{}
		l.days[key] = n
	}
	return n
}

// BrowserEvents are what TikTok counts of a pixel besides the events that calls brought.
type BrowserEvents struct {
	Pixel      string `json:"pixel_code"`
	Event      string `json:"event"`
	Count      int64  `json:"count"`      // sent by browsers, today by the simulator's clock
	Attributed int64  `json:"attributed"` // of all events of this name: attributed to an advertisement
}

// Browser adds events of browsers to what /pixel/event/stats/ answers.
func (s *Sandbox) Browser(b BrowserEvents) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	n := s.ledger.daily(statKey{dayOf(s.now()), b.Pixel, reported(b.Event)})
	n.browser += b.Count
	n.attributed += b.Attributed
}

func (s *Sandbox) browserOrder(b BrowserEvents) (any, error) {
	if _, known := s.accounts.sources[source{"web", b.Pixel}]; !known || b.Event == "" {
		return nil, errors.New("add events of browsers: pixel_code must be one of this simulator's pixels, and event a name")
	}
	s.Browser(b)
	return nil, nil
}

// pixelStats is GET /pixel/event/stats/: what was counted of pixels by event name, over days of UTC.
func (s *Sandbox) pixelStats(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id", "pixel_ids", "date_range")
	ids := q.ids("pixel_ids", 10)
	first, last := q.days("date_range", 30)
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	list := []any{}
	for _, id := range ids {
		i := slices.IndexFunc(s.accounts.pixels(), func(p pixel) bool { return p.id == id && p.Advertiser == advertiser })
		if i < 0 {
			return nil, refuse(codeNoPermission, "No permission to operate pixel: %s. You must be an admin or operator of this advertiser account.", id)
		}
		list = append(list, map[string]any{"pixel_id": id, "statistics": s.ledger.statistics(s.accounts.pixels()[i].ID, first, last)})
	}
	return map[string]any{"list": list}, nil
}

// days reads a JSON object of two dates, both within.
func (q *query) days(name string, most int64) (first, last int64) {
	var dates struct {
		Start string `json:"start_date"`
		End   string `json:"end_date"`
	}
	if !q.values.Has(name) {
		return 0, 0
	}
	wrong := json.Unmarshal([]byte(q.values.Get(name)), &dates)
	from, wrongFrom := time.Parse(time.DateOnly, dates.Start)
	to, wrongTo := time.Parse(time.DateOnly, dates.End)
	switch first, last = dayOf(from), dayOf(to); {
	case errors.Join(wrong, wrongFrom, wrongTo) != nil:
		q.refuse(name, "Not a valid date range.")
	case last < first || last-first >= most:
		q.refuse(name, "Must be at most 30 days.")
	}
	return first, last
}

// statistics lists the counts of a pixel by event name.
func (l *ledger) statistics(code string, first, last int64) []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	sums := map[string]dayCount{}
	for key, n := range l.days {
		if key.source == code && key.day >= first && key.day <= last {
			sum := sums[key.event]
			sums[key.event] = dayCount{sum.server + n.server, sum.browser + n.browser, sum.attributed + n.attributed}
		}
	}
	list := []map[string]any{}
	for event, n := range sums {
		kind := "custom_event_type"
		if standardEvents[event] {
			kind = "pixel_event_type"
		}
		list = append(list, map[string]any{
			kind: event, "total_count": n.server + n.browser, "server_event_total_count": n.server, "browser_event_total_count": n.browser,
			"attributed_count": n.attributed, "preview_count": 0,
		})
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return cmp.Compare(statName(a), statName(b)) })
	return list
}

func statName(of map[string]any) string {
	name, _ := cmp.Or(of["pixel_event_type"], of["custom_event_type"]).(string)
	return name
}
