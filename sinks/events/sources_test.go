package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// fieldTable is TikTok's: which fields it takes of events of which sources, w for web, a for app, o for offline and c for crm. Every other
// field goes with all of them. Of names, postal codes and places its tables speak for the web alone; they are sent with all.
const fieldTable = `
user.external_id w..c    user.ttclid w...   user.ttp w...          user.ip wa..        user.user_agent wa..  user.locale wa..
user.idfa .a..           user.gaid .a..     user.idfv .a..         user.att_status .a..
page.url w...            page.referrer w...
app.app_id .a..          app.app_name .a..  app.app_version .a..
device.architecture w... device.bitness w...  device.browser_version_list w...  device.mobile w...  device.model w...
device.platform w...     device.platform_version w...
ad.callback .a..         ad.campaign_id .a..  ad.ad_id .a..  ad.creative_id .a..  ad.is_retargeting .a..  ad.attributed .a..
ad.attribution_type .a.. ad.attribution_provider .a..  ad.attribution_share wa..
properties.customer_type wa..
lead.lead_id ...c        lead.lead_event_source ...c
limited_data_use wa..`

// TestEveryFieldGoesWithTheSourcesThatTikTokListsItFor makes one row's event of each source and looks at what is in it.
func TestEveryFieldGoesWithTheSourcesThatTikTokListsItFor(t *testing.T) {
	table := map[string]string{}
	words := strings.Fields(fieldTable)
	for i := 0; i < len(words); i += 2 {
		table[words[i]] = words[i+1]
	}
	s := loadSync(t, sourcesConfig())
	for i, from := range []string{"web", "app", "offline", "crm"} {
		s.items.Reset()
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, sourcesRow(from))); err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		var event map[string]any
		if err := json.Unmarshal(s.items.Body(0), &event); err != nil {
			t.Fatal(err)
		}
		for _, field := range specs {
			want := table[field.name] == "" || table[field.name][i] != '.'
			if got := holds(event, field.name); got != want {
				t.Errorf("%s in %s events: got %t, want %t", field.name, from, got, want)
			}
		}
	}
	for name := range table {
		if specOf(name) == nil {
			t.Errorf("%s is not known", name)
		}
	}
}

func holds(event map[string]any, path string) bool {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		return event[name] != nil
	}
	inner, _ := event[name].(map[string]any)
	return holds(inner, rest)
}

// sourcesConfig maps every field to a column of its name.
func sourcesConfig() string {
	var b strings.Builder
	b.WriteString("web_events:\n  event_source: {column: from}\n  event_source_id: {value: '7'}\n  event: Purchase\n  fields:\n    event_time: {now: true}\n")
	for _, s := range specs {
		fmt.Fprintf(&b, "    %s: %s\n", s.name, s.name)
	}
	return b.String()
}

// sourcesRow has a good value in every column.
func sourcesRow(from string) string {
	row := map[string]any{"from": from}
	for _, s := range specs {
		row[s.name] = map[kind]any{number: 1, whole: 1, share: 1, boolean: true, numbers: []int{1, 2}, webAddress: "https://x.example/", referrer: "https://x.example/",
			ipAddress: "203.0.113.9", currency: "EUR", place: "us", vendorID: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F",
			contents: []any{map[string]string{"content_id": "a"}}, brands: []any{map[string]string{"brand": "a"}}}[s.kind]
		switch {
		case row[s.name] != nil:
		case s.kind == choice:
			row[s.name] = s.choices[0]
		case s.name == "user.email":
			row[s.name] = "ada@example.com"
		case s.name == "user.phone":
			row[s.name] = "+12133734253"
		case s.name == "user.idfa" || s.name == "user.gaid":
			row[s.name] = "EA7583CD-A667-48BC-B806-42ECB2B48606"
		default:
			row[s.name] = "plain"
		}
	}
	line, _ := json.Marshal(row)
	return string(line)
}

// TestEveryNameGoesWithTheSourcesThatTikTokListsItFor: of offline events, TikTok takes its own names alone; of others also the company's,
// where the sync allows them; a name that is reserved is one only where TikTok lists it.
func TestEveryNameGoesWithTheSourcesThatTikTokListsItFor(t *testing.T) {
	for name, test := range map[string]struct{ listed, own string }{
		"Purchase":             {"waoc", ""},
		"Contact":              {"w.oc", ".a.."},
		"CompletePayment":      {"w.oc", ".a.."},
		"CompleteRegistration": {"w.oc", ".a.."},
		"PageView":             {"w...", ".a.c"},
		"LaunchAPP":            {".a..", "w..c"},
		"2Dretention":          {"....", "...."},
		"Checkout":             {".a..", "...."},
		"Registration":         {".a..", "...."},
		"Browse":               {"....", "...."},
		"order_shipped":        {"....", "wa.c"},
	} {
		for i, from := range []string{"web", "app", "offline", "crm"} {
			for _, custom := range []bool{false, true} {
				want := test.listed[i] != '.' || custom && i < len(test.own) && test.own[i] != '.'
				for _, way := range []string{"the row's source", "the sync's source"} {
					if err := named(t, from, way, name, custom); (err == nil) != want {
						t.Errorf("%s, %s by %s, custom_events %t: got %v, want it taken %t", name, from, way, custom, err, want)
					}
				}
			}
		}
	}
}

// named makes an event of that name.
func named(t *testing.T, from, way, name string, custom bool) error {
	source := "event_source: {column: from}"
	if way == "the sync's source" {
		source = "event_source: " + from
	}
	own := map[string]string{"web": ", page.url: {value: 'https://x.example/'}", "app": ", app.app_id: {value: a}", "crm": ", lead.lead_id: {value: '1'}"}
	fields := own[from]
	if way == "the row's source" {
		fields = own["web"] + own["app"] + own["crm"]
	}
	s := loadSync(t, fmt.Sprintf("web_events:\n  %s\n  event_source_id: '7'\n  event: {column: name}\n  custom_events: %t\n  fields: {event_time: {now: true}, user.email: {value: a@x.example}%s}\n",
		source, custom, fields))
	return s.maker.Make(&s.items, 0, readChange(t, &s.columns, fmt.Sprintf(`{"id":1,"from":%q,"name":%q}`, from, name)))
}

// TestARowWhoseSourceLacksAFieldOfTheMappingIsRejected: which sources rows choose is not known before; TikTok refuses whole calls for one.
func TestARowWhoseSourceLacksAFieldOfTheMappingIsRejected(t *testing.T) {
	s := loadSync(t, "web_events:\n  event_source: {column: from}\n  event_source_id: '7'\n  event: Purchase\n  fields: {event_time: {now: true}, user.email: email}\n")
	for from, want := range map[string]string{"offline": "", "web": "page.url", "app": "app.app_id", "crm": "lead.lead_id"} {
		err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, fmt.Sprintf(`{"from":%q,"email":"a@x.example"}`, from)))
		rejection, _ := errors.AsType[*pipeline.Rejection](err)
		if (err == nil) != (want == "") || err != nil && (rejection.Field != want || rejection.Reason != pipeline.RequiredField) {
			t.Errorf("%s: got %v, want %q missing", from, err, want)
		}
	}
}
