package find

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const purchases = `
kafka: {brokers: ["127.0.0.1:1"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: x}}
syncs:
  - name: purchases
    topic: orders
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: name}
      event_id: {column: id}
      fields:
        event_time: at
        page.url: {value: "https://shop.example/"}
        user.email: email
        user.external_id: customer
        properties.currency: cur
        properties.value: {expr: amount * 2}
        properties.contents: {each: items, content_id: sku, price: cost}
        properties.description: note
`

func configOf(t *testing.T, text string) *daemon.Config {
	t.Helper()
	c, report := daemon.Parse([]byte(text), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func rowOf(columns ...string) *deadletter.Row {
	r := &deadletter.Row{}
	for i := 0; i < len(columns); i += 2 {
		r.After = append(r.After, deadletter.Column{Name: columns[i], Kind: "string", Value: columns[i+1]})
	}
	return r
}

func field(list []Compared, name string) Compared {
	for _, c := range list {
		if c.Field == name {
			return c
		}
	}
	return Compared{}
}

func TestASentItemIsSetNextToItsRowAndDifferencesAreMarked(t *testing.T) {
	s := &configOf(t, purchases).Syncs[0]
	row := rowOf("name", "Purchase", "id", "7", "at", "2026-11-30T10:00:00Z", "email", "Ada@Example.com", "cur", "eur", "amount", "12.5", "note", "for Ada",
		"items", `[{"sku":"s-1","cost":3,"buyer":"Ada Lovelace"}]`)
	item := json.RawMessage(`{"event":"Purchase","event_time":1796032800,"event_id":"7","user":{"email":"` + sum("ada@example.com") + `"},"page":{"url":"https://shop.example/"},
		"properties":{"currency":"EUR","value":25,"contents":[{"content_id":"s-1","price":3}]}}`)
	list := Compare(s, row, item, "")
	for name, want := range map[string]Compared{
		"event":                  {Row: "Purchase", Sent: "Purchase", From: "column `name`"},
		"user.email":             {Row: "Xxx@Xxxxxxx.xxx", Sent: sum("ada@example.com"), Mark: Hashed, From: "column `email`"},
		"properties.currency":    {Row: "eur", Sent: "EUR", Mark: Changed, From: "column `cur`"},
		"properties.value":       {Row: "12.5", Sent: "25", Mark: Changed, From: "expression `amount * 2`"},
		"properties.contents":    {Row: `[{"cost":3,"sku":"s-1"}]`, Sent: `[{"content_id":"s-1","price":3}]`, Mark: Changed, From: "column `items`"},
		"properties.description": {Row: "xxx Xxx", Mark: LeftOut, From: "column `note`"},
		"event_time":             {Row: "2026-11-30T10:00:00Z", Sent: "1796032800", Mark: Changed, From: "column `at`"},
	} {
		want.Field = name
		if got := field(list, name); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestTheColumnOfARefusedFieldComesFirstWithItsValue(t *testing.T) {
	s := &configOf(t, purchases).Syncs[0]
	row := rowOf("name", "Purchase", "cur", "Euros", "email", "ada@example.com", "items", `[{"sku":"s-1","cost":"-3"}]`)
	if got := Compare(s, row, nil, "properties.currency"); got[0] != (Compared{Field: "properties.currency", From: "column `cur`", Row: "Euros", Mark: Refused}) {
		t.Errorf("got %+v", got[0])
	}
	got := Compare(s, row, nil, "properties.contents[0].price")[0]
	if got.Mark != Refused || got.Row != `[{"cost":"-3","sku":"s-1"}]` || got.From != "column `items`, member `cost` of its elements" {
		t.Errorf("got %+v", got)
	}
}

// Whatever a column holds that is mapped to a field in clear, nothing of a person is shown.
func TestAWrongMappingShowsNoPersonalData(t *testing.T) {
	s := &configOf(t, purchases).Syncs[0]
	for _, secret := range []string{"ada@example.com", "Ada Lovelace", "+49 170 1234567", "0170 1234567", "01701234567", "(213) 555-0100", "12 Queen's Road, London"} {
		for _, column := range []string{"cur", "amount", "at", "items"} {
			for _, c := range Compare(s, rowOf(column, secret), nil, "properties.currency") {
				if strings.Contains(c.Row, secret) {
					t.Errorf("%s in %s is shown as %s", secret, column, c.Row)
				}
			}
		}
	}
	shared := strings.Replace(purchases, "cur\n", "email\n", 1)
	if c := field(Compare(&configOf(t, shared).Syncs[0], rowOf("email", "EUR"), nil, "properties.currency"), "properties.currency"); c.Row != "XXX" {
		t.Errorf("a column that identifies a person is shown as %s where it is mapped otherwise, too", c.Row)
	}
}
