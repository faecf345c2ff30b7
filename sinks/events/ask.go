package events

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Getter asks TikTok; it is *tiktok.Client.
type Getter interface {
	Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer
}

// EventSource is a pixel, an app or an event set, as an envelope has it.
type EventSource struct {
	Kind string `json:"event_source"` // web, app, offline, crm
	ID   string `json:"event_source_id"`
}

func (s EventSource) String() string {
	switch s.Kind {
	case "web":
		return "pixel " + s.ID
	case "app":
		return "app " + s.ID
	}
	return s.Kind + " event set " + s.ID
}

// sourceOf reads an envelope.
func sourceOf(envelope string) (s EventSource, ok bool) {
	return s, json.Unmarshal([]byte("{"+envelope+"}"), &s) == nil
}

// IsListed reports whether TikTok can be asked for the source: it has lists of pixels and event sets, and none of the apps that events
// belong to.
func (s EventSource) IsListed() bool { return s.Kind != "app" }

// Of reports whether an advertiser has the source, by the answer: it counts where TikTok accepted the question.
func (s EventSource) Of(ctx context.Context, api Getter, advertiser string) (has bool, a pipeline.Answer) {
	ids, _ := json.Marshal([]string{s.ID}) // a text always encodes
	endpoint, query := "/pixel/list/", url.Values{"code": {s.ID}, "page_size": {"20"}}
	switch s.Kind {
	case "crm":
		endpoint, query = "/crm/list/", url.Values{"event_set_ids": {string(ids)}}
	case "offline":
		endpoint, query = "/offline/get/", url.Values{"event_set_ids": {string(ids)}}
	}
	query.Set("advertiser_id", advertiser)
	a = api.Get(ctx, endpoint, query)
	var data struct {
		Pixels  []struct{} `json:"pixels"`
		CRM     []struct{} `json:"crm_event_sets"`
		Offline []struct{} `json:"event_set_list"`
	}
	err := tiktok.Data(&a, &data)
	return err == nil && len(data.Pixels)+len(data.CRM)+len(data.Offline) > 0, a
}

// Ask is how TikTok is asked about the source of refused calls: what is wrong with it and what to do, "" for nothing that
// is known. Without an advertiser it asks nothing.
func (p *Plan) Ask(api Getter, advertiser string) func(ctx context.Context, envelope string) string {
	if advertiser == "" {
		return nil
	}
	return func(ctx context.Context, envelope string) string {
		source, ok := sourceOf(envelope)
		if !ok || !source.IsListed() {
			return ""
		}
		has, a := source.Of(ctx, api, advertiser)
		switch {
		case has || !a.IsAccepted():
			return ""
		case p.Misdirected() != "": // what a row holds does not go into logs
			return fmt.Sprintf("advertiser %s has no such pixel or event set as rows name: correct the rows, or the connection's advertiser_id", advertiser)
		}
		return fmt.Sprintf("advertiser %s has no %s: correct web_events, or the connection's advertiser_id", advertiser, source)
	}
}
