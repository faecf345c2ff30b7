package daemon

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// The page tries phone numbers in national form of the countries that are configured, wherever they are written.
func TestCountriesAreThoseOfThePhoneNumbers(t *testing.T) {
	c, report := Parse([]byte(aroundSync+`
  - {name: a, topic: a, when: "note == 'default_country: FR'", web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
      fields: {event_time: at, user.phone: {column: phone, default_country: us}, page.url: {value: "https://x.example/?default_country: IT"}}}}
  - {name: b, topic: b, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
      fields: {event_time: at, user.phone: {column: phone, default_country: {column: land, default: DE}}, page.url: {value: "https://x.example/"}}}}
  - {name: c, topic: c, audience_segment: {audience: {name: C}, identifiers: {PHONE_SHA256: {column: phone, default_country: GB}}, default_country: US}}
  - {name: d, topic: d, audience_file: {audience: {name: D}, identifier: {PHONE_SHA256: phone}, default_country: "NO"}}
  - {name: e, topic: e, audience_file: {audience: {name: E}, identifier: {EMAIL_SHA256: email}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, country := range c.Countries() {
		got.WriteString(country.String() + " ")
	}
	if want := "US DE GB NO "; got.String() != want {
		t.Errorf("got %s, want %s", &got, want)
	}
}
