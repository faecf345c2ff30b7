package counted

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Counted is what TikTok counts of a series on a day.
type Counted struct {
	Total      int64 `json:"total"` // server + browser
	Server     int64 `json:"server"`
	Browser    int64 `json:"browser"`
	Attributed int64 `json:"attributed"` // to an advertisement
}

// Account is an advertiser whose pixels TikTok is asked about.
type Account struct {
	API        events.Getter
	Advertiser string
	Syncs      []string // that send to it
}

const (
	pixelsACall = 10 // of /pixel/event/stats/
	maxPixels   = 100
)

// ids finds the numbers by which the statistics know pixels; a code that the account does not have is left out.
func (a *Account) ids(ctx context.Context, codes []string) (map[string]string, error) {
	ids := map[string]string{}
	for _, code := range codes {
		answer := a.API.Get(ctx, "/pixel/list/", url.Values{"advertiser_id": {a.Advertiser}, "code": {code}, "page_size": {"20"}})
		var data struct {
			Pixels []struct {
				ID   string `json:"pixel_id"`
				Code string `json:"pixel_code"`
			} `json:"pixels"`
		}
		if err := tiktok.Check("list pixels", answer); err != nil {
			return nil, err
		}
		if err := tiktok.Data(&answer, &data); err != nil {
			return nil, err
		}
		for _, p := range data.Pixels {
			if p.Code == code {
				ids[p.ID] = code
			}
		}
	}
	return ids, nil
}

// day reads the statistics of a day, by pixel code and event name. Each pixel that TikTok answers for is in it.
func (a *Account) day(ctx context.Context, ids map[string]string, day string) (map[string]map[string]Counted, error) {
	all := map[string]map[string]Counted{}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	for some := range slices.Chunk(list, pixelsACall) {
		if err := a.read(ctx, some, day, ids, all); err != nil {
			return nil, fmt.Errorf("statistics of %s: %w", day, err)
		}
	}
	return all, nil
}

func (a *Account) read(ctx context.Context, some []string, day string, codes map[string]string, into map[string]map[string]Counted) error {
	ids, _ := json.Marshal(some) // texts always encode
	answer := a.API.Get(ctx, "/pixel/event/stats/", url.Values{
		"advertiser_id": {a.Advertiser}, "pixel_ids": {string(ids)}, "date_range": {fmt.Sprintf(`{"start_date":%q,"end_date":%q}`, day, day)},
	})
	var data struct {
		List []struct {
			Pixel      string      `json:"pixel_id"`
			Statistics []statistic `json:"statistics"`
		} `json:"list"`
	}
	if err := tiktok.Check("read statistics", answer); err != nil {
		return err
	}
	if err := tiktok.Data(&answer, &data); err != nil {
		return err
	}
	for _, p := range data.List {
		by := map[string]Counted{}
		for _, s := range p.Statistics {
			name := events.Reported(s.Standard + s.Custom) // TikTok gives one of them
			by[name] = by[name].plus(Counted{s.Total, s.Server, s.Browser, s.Attributed})
		}
		into[codes[p.Pixel]] = by
	}
	return nil
}

// statistic is how TikTok tells of one event name.
type statistic struct {
	Standard   string `json:"pixel_event_type"`
	Custom     string `json:"custom_event_type"`
	Total      int64  `json:"total_count"`
	Server     int64  `json:"server_event_total_count"`
	Browser    int64  `json:"browser_event_total_count"`
	Attributed int64  `json:"attributed_count"`
}

func (c Counted) plus(o Counted) Counted {
	return Counted{c.Total + o.Total, c.Server + o.Server, c.Browser + o.Browser, c.Attributed + o.Attributed}
}
