package counted

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Line is what was sent of an event name to a pixel or event set on a day, and what TikTok counts of it.
type Line struct {
	Day        string           `json:"day"` // of UTC
	Advertiser string           `json:"advertiser_id,omitempty"`
	Kind       string           `json:"event_source"`
	Source     string           `json:"event_source_id"`
	Event      string           `json:"event"`
	Sent       int64            `json:"sent"`
	BySync     map[string]int64 `json:"sent_by_sync"`
	Counted    *Counted         `json:"tiktok"` // nil: TikTok gives no count
}

// Comparison is what was sent in some days against what TikTok counts.
type Comparison struct {
	Time     time.Time `json:"time"`
	Lines    []Line    `json:"lines"` // the newest day first
	Problems []string  `json:"problems,omitempty"`
}

// Days are the last n days of UTC, today first.
func Days(now time.Time, n int) (days []string) {
	for i := range n {
		days = append(days, now.UTC().AddDate(0, 0, -i).Format(time.DateOnly))
	}
	return days
}

// SettledDay is the newest day that has been over for a day: TikTok's statistics come late.
func SettledDay(now time.Time) string { return Days(now, 3)[2] }

// Compare reads what all instances have sent on the days, and asks TikTok. What TikTok does not answer is among the
// problems; the error is of the state topic alone.
func Compare(ctx context.Context, docs Docs, accounts []Account, now time.Time, days []string) (*Comparison, error) {
	if err := docs.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the state topic: %w", err)
	}
	c := &Comparison{Time: now}
	sent := map[string]map[series]perSync{}
	for _, day := range days {
		of, err := sentOf(docs, day)
		if err != nil {
			return nil, err
		}
		sent[day] = of
	}
	for i := range accounts {
		c.add(ctx, &accounts[i], sent, days)
	}
	slices.SortStableFunc(c.Lines, func(x, y Line) int {
		return cmp.Or(-cmp.Compare(x.Day, y.Day), -cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Event, y.Event))
	})
	return c, nil
}

// add appends the lines of an account: what its syncs sent on any of the days, and TikTok's count of that on each of them.
func (c *Comparison) add(ctx context.Context, a *Account, sent map[string]map[series]perSync, days []string) {
	var all []series
	for _, day := range days {
		for of, by := range sent[day] {
			if !slices.Contains(all, of) && slices.ContainsFunc(a.Syncs, func(s string) bool { return by[s] > 0 }) {
				all = append(all, of)
			}
		}
	}
	if len(all) == 0 {
		return
	}
	counted := c.ask(ctx, a, all, days)
	for _, day := range days {
		for _, of := range all {
			line := Line{Day: day, Advertiser: a.Advertiser, Kind: of.Kind, Source: of.Source, Event: of.Event, BySync: sent[day][of], Sent: sent[day][of].sum()}
			if pixel, known := counted[day][of.Source]; known && of.Kind == "web" {
				n := pixel[of.Event]
				line.Counted = &n
			}
			if line.Sent > 0 || line.Counted != nil && line.Counted.Total > 0 {
				c.Lines = append(c.Lines, line)
			}
		}
	}
}

// ask asks TikTok about the pixels among the series. An advertiser's failure leaves the others' answers.
func (c *Comparison) ask(ctx context.Context, a *Account, all []series, days []string) map[string]map[string]map[string]Counted {
	codes := map[string]bool{}
	for _, of := range all {
		if of.Kind == "web" {
			codes[of.Source] = true
		}
	}
	list := slices.Sorted(maps.Keys(codes))
	switch {
	case len(list) == 0:
		return nil
	case a.Advertiser == "":
		c.problem("pixel %s: the connection has no advertiser_id: TikTok is not asked what it counts", strings.Join(list, ", "))
		return nil
	case len(list) > maxPixels:
		c.problem("advertiser %s: rows name %d pixels; TikTok is asked about the first %d", a.Advertiser, len(list), maxPixels)
		list = list[:maxPixels]
	}
	ids, err := a.ids(ctx, list)
	known := slices.Sorted(maps.Values(ids))
	if err == nil && len(known) < len(list) {
		c.problem("advertiser %s has no pixel %s: TikTok gives no count of it", a.Advertiser,
			strings.Join(slices.DeleteFunc(list, func(code string) bool { return slices.Contains(known, code) }), ", "))
	}
	counted := map[string]map[string]map[string]Counted{}
	for _, day := range days {
		if err == nil {
			counted[day], err = a.day(ctx, ids, day)
		}
	}
	if err != nil {
		c.problem("advertiser %s: TikTok's count could not be read: %v", a.Advertiser, err)
	}
	return counted
}

func (c *Comparison) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// Only keeps the lines of what a sync sent on any of the days.
func (c *Comparison) Only(sync string) {
	type key struct{ kind, source, event string }
	its := map[key]bool{}
	for _, l := range c.Lines {
		if l.BySync[sync] > 0 {
			its[key{l.Kind, l.Source, l.Event}] = true
		}
	}
	c.Lines = slices.DeleteFunc(slices.Clone(c.Lines), func(l Line) bool { return !its[key{l.Kind, l.Source, l.Event}] })
}
