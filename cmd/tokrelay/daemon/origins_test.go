package daemon

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestAFieldThatRejectionsNameHasItsColumnAndItsOrigin(t *testing.T) {
	c, report := Parse([]byte(`
kafka: {brokers: ["127.0.0.1:1"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: x}}
syncs:
  - name: purchases
    topic: orders
    when: after.status == "paid"
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: name}
      fields:
        event_time: {now: true}
        page.url: {value: "https://shop.example/"}
        user.email: [email, billing_email]
        properties.currency: cur
        properties.value: {expr: amount * rate}
        properties.contents: {each: {column: items, path: list}, price: cost}
  - name: newsletter
    topic: people
    audience_segment: {audience: {name: N}, identifiers: {EMAIL_SHA256: email}, member_when: opted_in}
`), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ sync, field, columns, words string }{
		{"purchases", "properties.currency", "cur", "column `cur`"},
		{"purchases", "user.email", "email,billing_email", "columns `email`, `billing_email`"},
		{"purchases", "properties.value", "amount,rate", "expression `amount * rate`"},
		{"purchases", "properties.contents[3].price", "items", "column `items`, member `list`, member `cost` of its elements"},
		{"purchases", "event", "name", "column `name`"},
		{"purchases", "event_time", "", "the time of sending"},
		{"purchases", "event_id", "", "all columns"},
		{"purchases", "page.url", "", "the same in every row"},
		{"purchases", "when", "status", "expression `after.status == \"paid\"`"},
		{"purchases", "column cur", "cur", "column `cur`"},
		{"purchases", "user.phone", "", ""},
		{"newsletter", "identifiers.EMAIL_SHA256", "email", "column `email`"},
		{"newsletter", "member_when", "opted_in", "expression `opted_in`"},
	} {
		s, err := c.Sync(test.sync)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := s.OriginOf(test.field)
		if columns := s.columns(); columns(test.field) != test.columns || columns(test.field) != test.columns || o.Words != test.words {
			t.Errorf("%s: got %q from %q, want %q from %q", test.field, columns(test.field), o.Words, test.columns, test.words)
		}
	}
}
