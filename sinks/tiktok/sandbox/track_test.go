package sandbox

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ev is a good event whose fields can be replaced: fields are "name", "JSON" pairs; an empty JSON leaves the field out.
func ev(fields ...string) string {
	all := map[string]string{
		"event": `"Purchase"`, "event_time": fmt.Sprint(epoch.Unix()), "event_id": `"e-1"`, "page": `{"url":"https://shop.example/"}`,
	}
	order := []string{"event", "event_time", "event_id", "page"}
	for i := 0; i < len(fields); i += 2 {
		if _, known := all[fields[i]]; !known {
			order = append(order, fields[i])
		}
		all[fields[i]] = fields[i+1]
	}
	var parts []string
	for _, name := range order {
		if all[name] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, all[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func prop(name, json string) string { return ev("properties", fmt.Sprintf(`{%q:%s}`, name, json)) }
func usr(name, json string) string  { return ev("user", fmt.Sprintf(`{%q:%s}`, name, json)) }
func item(name, json string) string {
	return prop("contents", fmt.Sprintf(`[{"content_id":"a"},{%q:%s}]`, name, json))
}

func at(d time.Duration) string { return fmt.Sprint(epoch.Add(d).Unix()) }

func from(kind, id string, events ...string) string {
	return fmt.Sprintf(`{"event_source":%q,"event_source_id":%q,"data":[%s]}`, kind, id, strings.Join(events, ","))
}

// body replaces one top-level field of a call.
func body(name, json string) string {
	all := map[string]string{"event_source": `"web"`, "event_source_id": `"` + DefaultPixel + `"`, "data": "[" + ev() + "]"}
	all[name] = json
	var parts []string
	for _, n := range []string{"event_source", "event_source_id", "data", name} {
		if json := all[n]; json != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", n, json))
		}
		delete(all, n)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestTrackAnswersAsDocumented(t *testing.T) {
	hash := `"` + mail + `"`
	cases := []struct {
		name, body string
		code       int
		message    string
	}{
		{"a good event", web(ev()), 0, "OK"},
		{"a full event", web(ev("user", `{"email":[`+hash+`],"phone":`+hash+`,"external_id":[`+hash+`],"ttclid":"c","ttp":"p","ip":"203.0.113.9","user_agent":"m","locale":"en-US","first_name":`+hash+`,"last_name":`+hash+`,"zip_code":`+hash+`,"city":"x","state":"y","country":"us"}`,
			"properties", `{"content_ids":["1"],"contents":[{"content_id":"1","price":1.5,"quantity":2,"content_category":"c","content_name":"n","brand":"b"}],"content_type":"product","currency":"EUR","value":3,"num_items":2,"search_string":"s","description":"d","order_id":"o","shop_id":"s","customer_type":"new","my_own":[1]}`,
			"limited_data_use", "true")), 0, "OK"},
		{"broken JSON", `{"data":`, 40002, "Invalid JSON in request body."},
		{"an empty body", ``, 40002, "Invalid JSON in request body."},
		{"a list as body", `[]`, 40002, "Invalid JSON in request body."},
		{"two bodies", web(ev()) + "{}", 40002, "Invalid JSON in request body."},

		{"no source", body("event_source", ""), 40002, "Invalid value for event_source: must be web, app or offline."},
		{"no source and no id", `{"data":[` + ev() + `]}`, 40002, "Invalid value for event_source: must be web, app or offline."},
		{"an unknown source", body("event_source", `"tv"`), 40002, "Invalid value for event_source: must be web, app or offline."},
		{"a numeric source id", body("event_source_id", "7"), 40002, "Invalid value for event_source_id: not a valid string."},
		{"an empty source id", body("event_source_id", `""`), 40002, "Invalid value for event_source_id: not a valid string."},
		{"no data", body("data", ""), 40002, "Invalid value for data: not a valid list."},
		{"empty data", body("data", "[]"), 40002, "Invalid value for data: not a valid list."},
		{"data that is not a list", body("data", "{}"), 40002, "Invalid value for data: not a valid list."},
		{"an event that is not an object", body("data", "[1]"), 40002, "Invalid value for data: not a valid object."},
		{"1000 events", web(many(1000)...), 0, "OK"},
		{"1001 events", web(many(1001)...), 40061, "Batch size exceeds the limit of 1000."},
		{"an unknown pixel", body("event_source_id", `"CUNKNOWN"`), 40001, "No permission to operate pixel code: CUNKNOWN. You must be an admin or operator of this advertiser account."},
		{"an offline set as pixel", from("web", DefaultOfflineSet, ev()), 40002, "Invalid value for event_source_id: not a valid string."},
		{"a pixel as offline set", from("offline", DefaultPixel, ev("page", "")), 40002, "Invalid value for event_source_id: not a valid string."},
		{"an unknown pixel as offline set", from("offline", "CUNKNOWN", ev("page", "")), 40002, "Invalid value for event_source_id: not a valid string."},
		{"a CRM set as offline set", from("offline", DefaultCRMSet, ev("page", "")), 40002, "Invalid value for event_source_id: not a valid string."},
		{"an unknown offline set", from("offline", "7000000000000000999", ev("page", "")), 40001, "No permission to operate event source: 7000000000000000999."},
		{"the app source", from("app", DefaultTikTokApp, ev("page", "", "app", `{"app_id":"a"}`)), 40118, "allowlist"},

		{"no event name", web(ev("event", "")), 40002, "Invalid value for event: not a valid string."},
		{"an empty event name", web(ev("event", `""`)), 40002, "Invalid value for event: not a valid string."},
		{"a numeric event name", web(ev("event", "1")), 40002, "Invalid value for event: not a valid string."},
		{"a custom event", web(ev("event", `"MyOwn"`)), 0, "OK"},
		{"a legacy event name", web(ev("event", `"PlaceAnOrder"`)), 0, "OK"},
		{"a standard offline event", from("offline", DefaultOfflineSet, ev("page", "")), 0, "OK"},
		{"a custom name with a space", web(ev("event", `"Order Completed"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom name with a dot", web(ev("event", `"order.completed"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom name that begins with a digit", web(ev("event", `"1stOrder"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom name that begins with an underscore", web(ev("event", `"_order"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom name with an accent", web(ev("event", `"Käufe"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom name of 51 letters", web(ev("event", `"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`)), 40002, "Invalid value for event: not a valid name of a custom event."},
		{"a custom offline event", from("offline", DefaultOfflineSet, ev("page", "", "event", `"MyOwn"`)), 40002, "Invalid value for event: not a standard event."},

		{"no time", web(ev("event_time", "")), 40002, "Invalid value for event_time: not a valid integer."},
		{"time and name missing", web(ev(), ev("event_time", "", "event", "")), 40002, "Invalid value for event: not a valid string."},
		{"a time as string", web(ev("event_time", `"1772366400"`)), 40002, "Invalid value for event_time: not a valid integer."},
		{"a time as float", web(ev("event_time", "1772366400.5")), 40002, "Invalid value for event_time: not a valid integer."},
		{"a time with an exponent", web(ev("event_time", "1e9")), 40002, "Invalid value for event_time: not a valid integer."},
		{"a time in milliseconds", web(ev("event_time", "1772366400000")), 40002, "Invalid value for event_time: must be in seconds."},
		{"28 days ago", web(ev("event_time", at(-28*24*time.Hour))), 0, "OK"},
		{"more than 28 days ago", web(ev("event_time", at(-28*24*time.Hour-time.Second))), 40002, "Invalid value for event_time: must be within the last 28 days."},
		{"ten minutes ahead", web(ev("event_time", at(10*time.Minute))), 0, "OK"},
		{"more than ten minutes ahead", web(ev("event_time", at(10*time.Minute+time.Second))), 40002, "Invalid value for event_time: must not be in the future."},

		{"no event_id", web(ev("event_id", "")), 0, "OK"},
		{"a numeric event_id", web(ev("event_id", "5")), 40002, "Invalid value for event_id: not a valid string."},
		{"a null event_id", web(ev("event_id", "null")), 40002, "Invalid value for event_id: not a valid string."},

		{"web without page", web(ev("page", "")), 0, "OK"},
		{"web without url", web(ev("page", "{}")), 0, "OK"},
		{"a url without a scheme", web(ev("page", `{"url":"shop.example"}`)), 40002, "Invalid value for url: not a valid URL."},
		{"a url of another scheme", web(ev("page", `{"url":"ftp://shop.example"}`)), 40002, "Invalid value for url: not a valid URL."},
		{"a url without a host", web(ev("page", `{"url":"https:///x"}`)), 40002, "Invalid value for url: not a valid URL."},
		{"a plain http url", web(ev("page", `{"url":"HTTP://shop.example"}`)), 0, "OK"},
		{"a numeric referrer", web(ev("page", `{"url":"https://a.b","referrer":1}`)), 40002, "Invalid value for referrer: not a valid string."},

		{"a clear email", web(usr("email", `"a@b.com"`)), 40062, "Invalid value for email: not hashed."},
		{"an upper-case hash", web(usr("email", `"`+strings.ToUpper(mail)+`"`)), 0, "OK"},
		{"empty strings and lists in user", web(ev("user", `{"email":"","phone":[],"external_id":[""],"ttclid":"","ttp":"","ip":"","user_agent":"","locale":"","first_name":"","zip_code":"","city":""}`)), 0, "OK"},
		{"a content_type of one's own on an item", web(item("content_type", `"shirt"`)), 0, "OK"},
		{"a short hash", web(usr("phone", `"`+mail[1:]+`"`)), 40062, "Invalid value for phone: not hashed."},
		{"a clear email in a list", web(usr("email", `[`+hash+`,"a@b.com"]`)), 40062, "Invalid value for email: not hashed."},
		{"a clear external_id", web(usr("external_id", `"42"`)), 40062, "Invalid value for external_id: not hashed."},
		{"a clear first name", web(usr("first_name", `"jane"`)), 40062, "Invalid value for first_name: not hashed."},
		{"a numeric email", web(usr("email", `1`)), 40002, "Invalid value for email: not a valid string."},
		{"a user that is not an object", web(ev("user", `[]`)), 40002, "Invalid value for user: not a valid object."},
		{"a wrong address", web(usr("ip", `"1.2.3"`)), 40002, "Invalid value for ip: not a valid IP address."},
		{"an address with a zone", web(usr("ip", `"fe80::1%eth0"`)), 40002, "Invalid value for ip: not a valid IP address."},
		{"an IPv6 address", web(usr("ip", `"2001:db8::1"`)), 0, "OK"},

		{"a lower-case currency", web(prop("currency", `"eur"`)), 40002, "Invalid value for currency: not a valid currency."},
		{"an unlisted currency", web(prop("currency", `"XAU"`)), 40002, "Invalid value for currency: not a valid currency."},
		{"a value as string", web(prop("value", `"20.5"`)), 40002, "Invalid value for value: not a valid number."},
		{"a negative value", web(prop("value", "-1")), 40002, "Invalid value for value: not a valid number."},
		{"a value that is not a number", web(prop("value", "NaN")), 40002, "Invalid JSON in request body."},
		{"a value too large for a number", web(prop("value", "1e999")), 40002, "Invalid value for value: not a valid number."},
		{"a null value", web(prop("value", "null")), 40002, "Invalid value for value: not a valid number."},
		{"a negative price", web(item("price", "-0.01")), 40002, "Invalid value for price: not a valid number."},
		{"a numeric content_id", web(item("content_id", "17")), 40002, "Invalid value for content_id: not a valid string."},
		{"a numeric order_id", web(prop("order_id", "17")), 40002, "Invalid value for order_id: not a valid string."},
		{"a numeric shop_id", web(prop("shop_id", "17")), 40002, "Invalid value for shop_id: not a valid string."},
		{"numeric content_ids", web(prop("content_ids", "[17]")), 40002, "Invalid value for content_ids: not a valid string."},
		{"content_ids as string", web(prop("content_ids", `"17"`)), 40002, "Invalid value for content_ids: not a valid list."},
		{"a wrong content_type", web(prop("content_type", `"sku"`)), 40002, "Invalid value for content_type: not a valid choice."},
		{"a fractional quantity", web(item("quantity", "1.5")), 40002, "Invalid value for quantity: not a valid integer."},
		{"a quantity as string", web(item("quantity", `"1"`)), 40002, "Invalid value for quantity: not a valid integer."},
		{"fractional num_items", web(prop("num_items", "1.5")), 40002, "Invalid value for num_items: not a valid integer."},
		{"contents that are no list", web(prop("contents", "{}")), 40002, "Invalid value for contents: not a valid list."},
		{"limited_data_use as string", web(ev("limited_data_use", `"true"`)), 40002, "Invalid value for limited_data_use: not a valid boolean."},

		{"crm without lead", from("crm", DefaultCRMSet, ev("page", "")), 40002, "Invalid value for lead_id: not a valid string."},
		{"crm with lead", from("crm", DefaultCRMSet, ev("page", "", "lead", `{"lead_id":"l"}`)), 0, "OK"},

		{"a missing field and a wrong one, the first first", web(ev("event", ""), ev("event_id", "1")), 40002, "Invalid value for event: not a valid string."},
		{"a missing field before a wrong value", web(prop("currency", `"X"`), ev("event", "")), 40002, "Invalid value for event: not a valid string."},
		{"a wrong value before a foreign pixel", strings.Replace(web(prop("currency", `"X"`)), DefaultPixel, "CUNKNOWN", 1), 40002, "Invalid value for currency: not a valid currency."},
		{"the first of two wrong values", web(ev(), prop("currency", `"X"`), prop("content_type", `"x"`)), 40002, "Invalid value for currency: not a valid currency."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			got := post(t, s, "/event/track/", c.body)
			got.want(t, c.code, c.message)
			if n := len(s.Events()); (n > 0) != (c.code == 0) {
				t.Errorf("got %d events counted after code %d", n, c.code)
			}
			if got.RequestID == "" || string(got.Data) != "{}" {
				t.Errorf("got %s, want a request_id and empty data", got)
			}
		})
	}
}

func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = ev("event_id", fmt.Sprintf(`"e-%d"`, i))
	}
	return list
}

func TestOneBadEventLeavesNothingOfItsBatch(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", web(ev("event_id", `"a"`), ev("event_id", `"b"`), prop("value", `"x"`))).want(t, 40002)
	if got := s.Stats().Events; got.Accepted != 0 || len(s.Events()) != 0 {
		t.Errorf("got %+v, want nothing counted", got)
	}
	if e := s.Stats().Endpoints["/event/track/"]; e.RefusedRows != 3 || e.Codes[40002] != 1 {
		t.Errorf("got %+v, want one call with 3 refused rows", e)
	}
}

// refuse1 refuses what a warning is about.
func refuse1(w Warning) func(*Config) { return func(c *Config) { c.Refuse = []Warning{w} } }

func allowApp(c *Config) { c.AllowApp = true }

// appEvent is a good app event and one more field.
func appEvent(name, json string) string {
	return ev("page", "", "app", `{"app_id":"a"}`, name, json)
}

func TestAGoodBatchCausesNoWarning(t *testing.T) {
	s := New(Config{Now: fixed, Limits: NoLimits(), Refuse: Strict()})
	post(t, s, "/event/track/", batchOf(1000, "e")).want(t, 0)
	if got := s.Stats(); len(got.Warnings) != 0 || got.Events.Accepted != 1000 {
		t.Errorf("got %d events and warnings %v, want 1000 and none", got.Events.Accepted, got.Warnings)
	}
}

func TestSwitchesChangeTheRules(t *testing.T) {
	cases := []struct {
		name    string
		set     func(*Config)
		body    string
		code    int
		message string
	}{
		{"event_id required", refuse1(NoEventID), web(ev("event_id", "")), 40002, "Invalid value for event_id: refused as no_event_id."},
		{"an empty event_id counts as none", refuse1(NoEventID), web(ev("event_id", `""`)), 40002, "Invalid value for event_id: refused as no_event_id."},
		{"page url required", refuse1(NoPageURL), web(ev("page", "")), 40002, "Invalid value for url: refused as no_page_url."},
		{"any custom name", func(c *Config) { c.AllowAnyName = true }, web(ev("event", `"Order Completed"`)), 0, "OK"},
		{"standard events only", func(c *Config) { c.StandardEventsOnly = true }, web(ev("event", `"MyOwn"`)), 40002, "Invalid value for event: not a standard event."},
		{"the app source allowed", allowApp, from("app", DefaultTikTokApp, ev("page", "", "app", `{"app_id":"a"}`)), 0, "OK"},
		{"an app event without app", allowApp, from("app", DefaultTikTokApp, ev("page", "")), 40002, "Invalid value for app_id: not a valid string."},
		{"a raw idfa", allowApp, from("app", DefaultTikTokApp, ev("page", "", "app", `{"app_id":"a"}`, "user", `{"idfa":"EA7583CD-A667-48BC-B806-42ECB2B48606"}`)), 0, "OK"},
		{"a lower-case idfa", allowApp, from("app", DefaultTikTokApp, ev("page", "", "app", `{"app_id":"a"}`, "user", `{"idfa":"ea7583cd"}`)), 40002, "Invalid value for idfa: not a valid device id."},
		{"an upper-case gaid", allowApp, from("app", DefaultTikTokApp, ev("page", "", "app", `{"app_id":"a"}`, "user", `{"gaid":"AB"}`)), 40002, "Invalid value for gaid: not a valid device id."},
		{"an app event's ad", allowApp, from("app", DefaultTikTokApp, appEvent("ad", `{"callback":"c","is_retargeting":true,"attribution_share":0.5}`)), 0, "OK"},
		{"an attribution_share above 1", allowApp, from("app", DefaultTikTokApp, appEvent("ad", `{"attribution_share":1.5}`)), 40002, "Invalid value for attribution_share: must be between 0 and 1."},
		{"an attribution_share as string", allowApp, from("app", DefaultTikTokApp, appEvent("ad", `{"attribution_share":"1"}`)), 40002, "Invalid value for attribution_share: not a valid number."},
		{"is_retargeting as string", allowApp, from("app", DefaultTikTokApp, appEvent("ad", `{"is_retargeting":"true"}`)), 40002, "Invalid value for is_retargeting: not a valid boolean."},
		{"any age", func(c *Config) { c.MaxEventAge = -1 }, web(ev("event_time", "1000000000")), 0, "OK"},
		{"any future", func(c *Config) { c.MaxEventAhead = -1 }, web(ev("event_time", at(time.Hour))), 0, "OK"},
		{"a shorter age", func(c *Config) { c.MaxEventAge = 24 * time.Hour }, web(ev("event_time", at(-25*time.Hour))), 40002, "within the last 1 days"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := quiet()
			c.set(&cfg)
			post(t, New(cfg), "/event/track/", c.body).want(t, c.code, c.message)
		})
	}
}

func TestWarningsAreCountedOrRefused(t *testing.T) {
	sha := func(v string) string { return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(v))) }
	cases := []struct {
		name, body string
		warning    Warning
	}{
		{"an unknown top-level field", body("extra", "1"), UnknownField},
		{"an unknown event field", web(ev("context", `{}`)), UnknownField},
		{"the 1.0 name of the phone", web(usr("phone_number", `"x"`)), UnknownField},
		{"a custom property", web(prop("contents_ids", `["1"]`)), UnknownProperty},
		{"a field named twice", web(`{"event":"Purchase",` + ev()[1:]), RepeatedField},
		{"an empty string", web(prop("order_id", `""`)), EmptyValue},
		{"an empty list of emails", web(usr("email", `[]`)), EmptyValue},
		{"an empty hash", web(usr("email", `""`)), EmptyValue},
		{"an empty address", web(usr("ip", `""`)), EmptyValue},
		{"an upper-case hash", web(usr("email", `"`+strings.ToUpper(mail)+`"`)), UpperHash},
		{"no page", web(ev("page", "")), NoPageURL},
		{"an item's content_type of its own", web(item("content_type", `"shirt"`)), UnlistedValue},
		{"an address in the page's url", web(ev("page", `{"url":"https://shop.example/?payer=jane%40mail.example"}`)), PersonalData},
		{"a phone number in the referrer", web(ev("page", `{"url":"https://shop.example/","referrer":"https://a.example/?tel=%2B4915112345678"}`)), PersonalData},
		{"an address as order id", web(prop("order_id", `"jane@mail.example"`)), PersonalData},
		{"an address among ids", web(prop("content_ids", `["jane@mail.example"]`)), PersonalData},
		{"a handle in an url is not an address", web(ev("page", `{"url":"https://shop.example/@jane"}`)), ""},
		{"an unlisted customer type", web(prop("customer_type", `"guest"`)), UnlistedValue},
		{"a lead on the web", web(ev("lead", `{"lead_id":"1"}`)), WrongSource},
		{"a click id offline", from("offline", DefaultOfflineSet, ev("page", "", "user", `{"ttclid":"c"}`)), WrongSource},
		{"a private address", web(usr("ip", `"10.1.2.3"`)), PrivateAddress},
		{"a loopback address", web(usr("ip", `"::1"`)), PrivateAddress},
		{"the hash of an untrimmed email", web(usr("email", sha(" ALICE_abc@gmail.com "))), KnownHash},
		{"the hash of an upper-case email", web(usr("email", sha("JANEDOE@GMAIL.COM"))), KnownHash},
		{"the hash of an email with a space", web(usr("email", "["+sha("janedoe@gmail.com ")+"]")), KnownHash},
		{"the hash of a phone with 00", web(usr("phone", sha("0012133734253"))), KnownHash},
		{"the hash of nothing", web(usr("external_id", sha(""))), KnownHash},
		{"the hash of a hash", web(usr("email", sha(mail))), KnownHash},
		{"a normalised hash", web(usr("email", sha("janedoe@gmail.com"))), ""},
		{"eight days ago", web(ev("event_time", at(-8*24*time.Hour))), OldEvent},
		{"no event_id", web(ev("event_id", "")), NoEventID},
		{"two test events", strings.Replace(web(ev(), ev()), `{`, `{"test_event_code":"T",`, 1), TestBatch},
		{"one test event", strings.Replace(web(ev()), `{`, `{"test_event_code":"T",`, 1), ""},
		{"a name that TikTok takes for an order", web(ev("event", `"Checkout"`)), ReservedName},
		{"a name of one's own", web(ev("event", `"Order-shipped_2"`)), ""},
		{"a partner name", body("partner_name", `"p"`), PartnerName},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			post(t, s, "/event/track/", c.body).want(t, 0)
			got := s.Stats().Warnings
			if want := map[bool]int{true: 0, false: 1}[c.warning == ""]; len(got) != want || c.warning != "" && got[c.warning] == 0 {
				t.Fatalf("got warnings %v, want %q only", got, c.warning)
			}
			if c.warning == "" {
				return
			}
			cfg := quiet()
			cfg.Refuse = []Warning{c.warning}
			post(t, New(cfg), "/event/track/", c.body).want(t, 40002, "refused as "+string(c.warning))
		})
	}
}

func TestEscapedFieldNamesAreTheFieldsTheyName(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", web(ev("user", `{"e\u006dail":"`+mail+`"}`))).want(t, 0)
	if got := s.Stats().Warnings; len(got) != 0 {
		t.Errorf("got warnings %v, want none", got)
	}
	post(t, s, "/event/track/", web(ev("user", `{"e\u006dail":"a@b.com"}`))).want(t, 40062, "Invalid value for email: not hashed.")
}
