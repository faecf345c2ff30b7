package events

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

const notesConfig = `web_events:
  event_source: {column: source, default: web}
  pixel_code: CTESTPIXELCODE000000
  event_source_id: "7000000000000000101"
  test_event_code: {column: test}
  custom_properties: true
  custom_events: true
  event: {column: event, default: Purchase}
  event_id: {column: id}
  require_identifier: false
  fields:
    event_time: at
    user.email: email
    user.phone: {column: phone, default_country: DE}
    user.ttclid: click
    user.ip: ip
    user.city: city
    user.country: country
    page.url: {column: url, default: "https://shop.example/"}
    page.referrer: {column: ref, on_invalid: omit}
    properties.currency: {column: currency, default: USD, on_invalid: default}
    properties.content_type: type
    properties.value: value
    properties.contents: items
    properties.num_items: {sum: contents}
    properties.order_id: {column: order, default: none given}
    properties.mileage.value: miles
    properties.mileage.unit: unit
    properties.own: own
`

func TestNotesTellWhatIsNotSentAsTheRowHasIt(t *testing.T) {
	for row, want := range map[string][]string{
		`{"other":1}`: nil,
		`{"test":"null","click":"{{ttclid}}","email":["ada@x.org","ADA@x.org","n/a"]}`: {"test_event_code left out", "user.email left out", "user.email left out", "user.ttclid left out"},
		`{"phone":"030 123456"}`:          {"user.phone changed"},
		`{"phone":"+44 (0)20 7183 8750"}`: {"user.phone changed"},
		`{"phone":"+1 14155550123"}`:      {"user.phone changed"},
		`{"phone":"+1 415-555-0123"}`:     nil,
		`{"phone":"b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"}`: nil,
		`{"phone":"+4930123456"}`:                                   nil,
		`{"ip":"10.0.0.1"}`:                                         {"user.ip left out"},
		`{"ip":"10.0.0.1, 203.0.113.9"}`:                            {"user.ip changed"},
		`{"ip":"::ffff:203.0.113.9"}`:                               {"user.ip changed"},
		`{"city":"München","country":"Germany"}`:                    {"user.city changed", "user.country changed"},
		`{"country":"Atlantis","city":"東京"}`:                        {"user.city left out", "user.country left out"},
		`{"url":null}`:                                              {"page.url defaulted"},
		`{"url":"https://x.example/?e=ada@x.org","ref":"(direct)"}`: {"page.referrer left out", "page.url redacted"},
		`{"currency":"eur","type":"Product"}`:                       {"properties.content_type changed", "properties.currency changed"},
		`{"currency":"BTC","order":"n/a"}`:                          {"properties.currency defaulted", "properties.order_id defaulted"},
		`{"currency":null,"event":null}`:                            {"event defaulted", "properties.currency defaulted"},
		`{"items":[{"content_id":"a","content_type":"product"},{"content_id":"b","brand":"n/a"}]}`: {"properties.contents.brand left out",
			"properties.contents.content_type left out", "properties.num_items taken from elsewhere"},
		`{"items":[{"id":"a","price":3}]}`:              {"properties.contents doubtful", "properties.num_items taken from elsewhere"},
		`{"items":[{"id":"a","content_id":"b"}]}`:       {"properties.num_items taken from elsewhere"},
		`{"value":3,"currency":null,"nocurrency":true}`: {"properties.currency defaulted"},
		`{"event":"Purchases"}`:                         {"event doubtful"},
		`{"event":"MyOwn"}`:                             nil,
		`{"unit":"KM"}`:                                 {"properties.mileage.unit left out"},
		`{"own":[1,[2]]}`:                               {"properties.own left out"},
		`{"own":"to ada@x.org"}`:                        {"properties.own redacted"},
		`{"source":"offline","ip":"203.0.113.9","url":"https://x.example/"}`: {"page.url left out", "user.ip left out"},
		`{"at":{"$local":"2026-08-01T11:00:00Z"}}`:                           {"event_time changed"},
	} {
		s := loadSync(t, notesConfig)
		if !strings.Contains(row, `"at"`) {
			row = strings.Replace(row, "{", `{"at":{"$instant":"2026-08-01T11:00:00Z"},`, 1)
		}
		base := map[string]string{`"url"`: `"https://x.example/"`, `"event"`: `"Purchase"`, `"currency"`: `"USD"`, `"order"`: `"7"`, `"source"`: `"web"`}
		for column, value := range base {
			if !strings.Contains(row, column) {
				row = strings.Replace(row, "{", "{"+column+":"+value+",", 1)
			}
		}
		row = strings.Replace(row, "{", `{"id":"i",`, 1)
		notes := pipeline.Notes{}
		s.items.Notes = &notes
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, row)); err != nil {
			t.Errorf("%s: %v", row, err)
		}
		var got []string
		for _, n := range notes.List {
			if n.Why == "" {
				t.Errorf("%s: no reason for %v", row, n)
			}
			got = append(got, n.Field+" "+n.What)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", row, got, want)
		}
	}
}

func TestAValueWithoutACurrencyIsNoted(t *testing.T) {
	config := strings.Replace(notesConfig, "{column: currency, default: USD, on_invalid: default}", "currency", 1)
	for row, want := range map[string]int{`"value":3,"currency":"EUR"`: 0, `"value":3`: 1, `"currency":"EUR"`: 0, `"miles":3`: 0} {
		s := loadSync(t, config)
		s.items.Notes = &pipeline.Notes{}
		line := `{"id":"i","event":"Purchase","url":"https://x.example/","order":"7","source":"web","at":{"$instant":"2026-08-01T11:00:00Z"},` + row + `}`
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, line)); err != nil {
			t.Fatal(err)
		}
		if got := len(s.items.Notes.List); got != want {
			t.Errorf("%s: got notes %v, want %d", row, s.items.Notes.List, want)
		}
	}
}

func TestEventsUnderANameThatIsNearlyTikToksAreCounted(t *testing.T) {
	s, reg := countingSync(t, notesConfig)
	for _, name := range []string{"Purchases", "Purchases", "purchase_", "MyOwn", "Purchase"} {
		line := `{"id":"i","event":"` + name + `","url":"https://x.example/","order":"7","source":"web","at":{"$instant":"2026-08-01T11:00:00Z"}}`
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, line)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if n := counted(t, s.plan.metrics.nearMisses); n != 3 || reg == nil {
		t.Errorf("got %v, want 3", n)
	}
}
