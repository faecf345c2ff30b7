package audience

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Getter asks TikTok; it is *tiktok.Client.
type Getter interface {
	Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer
}

// Directory is one advertiser's custom audiences. Its errors are *pipeline.Trouble.
type Directory struct {
	API        Getter
	Advertiser string
}

const (
	pageSize = 100
	maxPages = 10 // an advertiser has at most 400 audiences
)

// List reads all of the advertiser's audiences.
func (d Directory) List(ctx context.Context) ([]Details, error) {
	var all []Details
	for page := 1; page <= maxPages; page++ {
		var data struct {
			List []Details `json:"list"`
			Info struct {
				Pages int `json:"total_page"`
			} `json:"page_info"`
		}
		query := url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(pageSize)}}
		if _, err := d.get(ctx, "list audiences", "/dmp/custom_audience/list/", query, &data); err != nil {
			return nil, err
		}
		all = append(all, data.List...)
		if page >= data.Info.Pages {
			break
		}
	}
	for i := range all {
		all[i].Advertiser = d.Advertiser
	}
	return all, nil
}

// Find gives the audiences of this name that suit: ours first, then the oldest. Names are not unique at TikTok.
func (d Directory) Find(ctx context.Context, name string, suits func(*Details) bool) ([]Details, error) {
	all, err := d.List(ctx)
	if err != nil {
		return nil, err
	}
	return Named(all, name, suits), nil
}

// Named are those of a list that have the name and suit: ours first, then the oldest.
func Named(list []Details, name string, suits func(*Details) bool) []Details {
	list = slices.DeleteFunc(slices.Clone(list), func(a Details) bool { return a.Name != name || !suits(&a) })
	slices.SortFunc(list, older)
	return list
}

func older(a, b Details) int {
	if a.Ours() != b.Ours() {
		if a.Ours() {
			return -1
		}
		return 1
	}
	return cmp.Or(a.Created.Compare(b.Created.Time), cmp.Compare(a.ID, b.ID))
}

// Read reads up to a hundred audiences by id. Those that TikTok does not know are not in the list.
func (d Directory) Read(ctx context.Context, ids ...string) ([]Details, error) {
	all, code, err := d.read(ctx, "1", ids...)
	switch {
	case code != codeMissing:
		return all, err
	case len(ids) == 1:
		return nil, nil
	}
	half := len(ids) / 2 // the refusal does not say which it is
	first, err := d.Read(ctx, ids[:half]...)
	if err != nil {
		return nil, err
	}
	second, err := d.Read(ctx, ids[half:]...)
	return append(first, second...), err
}

// codeMissing is TikTok's code for an audience it does not know.
const codeMissing = 40007

// Look reads one audience with what happened to it; nil when TikTok does not know it.
func (d Directory) Look(ctx context.Context, id string) (*Details, error) {
	all, code, err := d.read(ctx, "100", id)
	switch {
	case code == codeMissing:
		return nil, nil
	case err != nil || len(all) == 0:
		return nil, err
	}
	return &all[0], nil
}

func (d Directory) read(ctx context.Context, history string, ids ...string) (all []Details, code int, err error) {
	list, _ := json.Marshal(ids) // a list of strings always encodes
	var data struct {
		List []struct {
			Details Details  `json:"audience_details"`
			History []Change `json:"audience_history"`
		} `json:"list"`
	}
	query := url.Values{"custom_audience_ids": {string(list)}, "history_size": {history}}
	code, err = d.get(ctx, "read audiences", "/dmp/custom_audience/get/", query, &data)
	for _, one := range data.List {
		one.Details.Advertiser, one.Details.History = d.Advertiser, one.History
		all = append(all, one.Details)
	}
	return all, code, err
}

func (d Directory) get(ctx context.Context, doing, endpoint string, query url.Values, into any) (code int, err error) {
	query.Set("advertiser_id", d.Advertiser)
	a := d.API.Get(ctx, endpoint, query)
	if t := Trouble(doing, &a); t != nil {
		return a.Code, t
	}
	if err := tiktok.Data(&a, into); err != nil {
		return a.Code, &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: doing + ": " + err.Error()}
	}
	return a.Code, nil
}

// Trouble is what an answer other than acceptance means where no row is to blame; nil for acceptance.
func Trouble(doing string, a *pipeline.Answer) *pipeline.Trouble {
	err := tiktok.Check(doing, *a)
	if err == nil {
		return nil
	}
	t := &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: err.Error()}
	switch a.Verdict {
	case pipeline.Throttled:
		t.Kind = pipeline.TroubleThrottled
	case pipeline.Denied:
		t.Kind, t.Stop = pipeline.TroubleToken, true
	case pipeline.Broken:
		t.Kind, t.Stop = pipeline.TroubleConfig, true
	case pipeline.Unknown:
		t.Kind, t.Stop = pipeline.TroubleUnknown, true
	case pipeline.Refused, pipeline.TooMany:
		t.Kind, t.Stop = pipeline.TroubleAudience, true
	}
	return t
}
