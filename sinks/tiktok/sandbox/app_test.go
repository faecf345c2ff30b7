package sandbox

import (
	"slices"
	"testing"
)

// TestAppEventsAreJudgedByTheirOwnTables: what TikTok's field tables say of app events, and what they say of the web alone.
func TestAppEventsAreJudgedByTheirOwnTables(t *testing.T) {
	const good = `"app":{"app_id":"com.kelp.till"},"user":{"idfv":"E621E1F8-C36C-495A-93FC-0C247A3E6E5F"}`
	for name, test := range map[string]struct {
		event, more string
		code        int
		message     string
		warnings    []Warning
	}{
		"a launch": {event: "LaunchAPP", more: good, message: "OK"},
		"every field of an app": {event: "Purchase", message: "OK", more: `"app":{"app_id":"1234567890","app_name":"Kelp","app_version":"4.1"},"limited_data_use":true,
			"user":{"email":"` + mail + `","ip":"203.0.113.9","user_agent":"Kelp/4","locale":"en-US","idfa":"EA7583CD-A667-48BC-B806-42ECB2B48606","gaid":"aaaaaa-2222-1111-8787-809e92233ba0","att_status":"DENIED"},
			"properties":{"currency":"USD","value":1,"customer_type":"new"},
			"ad":{"callback":"c","campaign_id":"1","ad_id":"2","creative_id":"3","is_retargeting":false,"attributed":true,"attribution_type":"click","attribution_provider":"p","attribution_share":1}`},
		"a name that is reserved elsewhere": {event: "Checkout", more: good, message: "OK"},
		"a name of one's own":               {event: "level_12", more: good, message: "OK"},
		"a reserved name":                   {event: "Browse", more: good, message: "OK", warnings: []Warning{ReservedName}},
		"no app":                            {event: "LaunchAPP", more: `"user":{}`, code: 40002, message: "Invalid value for app_id: not a valid string."},
		"an app without its id":             {event: "LaunchAPP", more: `"app":{"app_name":"Kelp"}`, code: 40002, message: "Invalid value for app_id: not a valid string."},
		"an app's id as a number":           {event: "LaunchAPP", more: `"app":{"app_id":1234567890}`, code: 40002, message: "Invalid value for app_id: not a valid string."},
		"a lower-case idfa":                 {event: "LaunchAPP", more: `"app":{"app_id":"a"},"user":{"idfa":"ea7583cd-a667-48bc-b806-42ecb2b48606"}`, code: 40002, message: "Invalid value for idfa: not a valid device id."},
		"what is for the web": {event: "LaunchAPP", more: good[:len(good)-1] + `,"ttclid":"c","ttp":"t","external_id":"` + mail + `"},"page":{"url":"https://shop.example/"},"device":{"model":"m"}`,
			message: "OK", warnings: []Warning{WrongSource}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quiet()
			cfg.AllowApp = true
			s := New(cfg)
			body := from("app", DefaultTikTokApp, `{"event":"`+test.event+`","event_time":`+at(0)+`,"event_id":"e",`+test.more+`}`)
			post(t, s, "/event/track/", body).want(t, test.code, test.message)
			got := s.Stats()
			var warned []Warning
			for w := range got.Warnings {
				warned = append(warned, w)
			}
			if !slices.Equal(warned, test.warnings) {
				t.Errorf("got warnings %v, want %v", got.Warnings, test.warnings)
			}
			if want := test.event; test.code == 0 && test.warnings == nil && got.Events.ByName[want] != 1 {
				t.Errorf("counted as %v, want %s", got.Events.ByName, want)
			}
		})
	}
}

// TestAppsFieldsOnTheWebAreWarnedOf: the attribution share alone is for both.
func TestAppsFieldsOnTheWebAreWarnedOf(t *testing.T) {
	for field, json := range map[string]string{
		"user": `{"gaid":"aaaaaa-2222-1111-8787-809e92233ba0"}`, "app": `{"app_id":"a"}`, "ad": `{"callback":"c"}`,
	} {
		s := New(quiet())
		post(t, s, "/event/track/", web(ev(field, json))).want(t, 0)
		if got := s.Stats().Warnings; got[WrongSource] != 1 || len(got) != 1 {
			t.Errorf("%s: got warnings %v, want wrong_source", field, got)
		}
	}
	s := New(quiet())
	post(t, s, "/event/track/", web(ev("ad", `{"attribution_share":0.5}`))).want(t, 0)
	if got := s.Stats().Warnings; len(got) != 0 {
		t.Errorf("got warnings %v for a share, want none", got)
	}
}

func TestACheckoutIsAnOrderOnTheWebAndItselfInAnApp(t *testing.T) {
	cfg := quiet()
	cfg.AllowApp = true
	s := New(cfg)
	post(t, s, "/event/track/", web(ev("event", `"Checkout"`))).want(t, 0)
	post(t, s, "/event/track/", from("app", DefaultTikTokApp, appEvent("event", `"Checkout"`))).want(t, 0)
	if got := s.Stats().Events.ByName; got["Checkout"] != 1 || got["PlaceAnOrder"] != 1 {
		t.Errorf("counted as %v, want one Checkout and one PlaceAnOrder", got)
	}
}
