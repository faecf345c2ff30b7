package events

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// benchRow is an honest row of the design's mapping: 22 columns, phone in national form spared.
const benchRow = `{"id":123456,"event_name":"order_paid","occurred_at":{"$instant":"2026-08-01T11:00:00.123456Z"},
	"email":"Alice.Abc@Gmail.com","phone":"+1 (213) 373-4253","customer_id":982451653,
	"page_url":"https://shop.example/thanks?order=123456&utm_source=tiktok&ttclid=E.C.P.abcdefghijklmnopqrstuvwxyz",
	"amount":{"$decimal":"129.90"},"currency":"EUR",
	"items":{"$json":"[{\"content_id\":\"sku-1\",\"price\":64.95,\"quantity\":1},{\"content_id\":\"sku-2\",\"price\":64.95,\"quantity\":1}]"},
	"c1":"one","c2":2,"c3":null,"c4":true,"c5":"a longer text that someone wrote","c6":6.5,"c7":{"$date":"2026-01-01T00:00:00Z"},
	"c8":"x","c9":null,"c10":10,"c11":"eleven","c12":12}`

func BenchmarkDesignMapping(b *testing.B) {
	for name, row := range map[string]string{
		"json items": benchRow,
		"no items":   strings.Replace(benchRow, `"items"`, `"other"`, 1),
		"array":      strings.Replace(benchRow, `{"$json":"`+itemsText+`"}`, strings.ReplaceAll(itemsText, `\`, ""), 1),
	} {
		b.Run(name, func(b *testing.B) { benchmarkRow(b, row, readFile(b, "testdata/rows/design/config.yaml")) })
	}
	config := readFile(b, "testdata/rows/design/config.yaml")
	b.Run("id of a column", func(b *testing.B) {
		benchmarkRow(b, benchRow, strings.Replace(config, "{columns: all}", "{column: id}", 1))
	})
	b.Run("with when", func(b *testing.B) {
		benchmarkRow(b, benchRow, `when: after.currency == "EUR" && before.currency != "EUR"`+"\n"+config)
	})
}

const itemsText = `[{\"content_id\":\"sku-1\",\"price\":64.95,\"quantity\":1},{\"content_id\":\"sku-2\",\"price\":64.95,\"quantity\":1}]`

func benchmarkRow(b *testing.B, row, config string) {
	s := loadSync(b, config)
	change := readChange(b, &s.columns, row)
	b.ReportAllocs()
	for b.Loop() {
		if len(s.items.List) == 1000 {
			s.items.Reset()
		}
		if err := s.gate.Pass(change); err != nil {
			b.Fatal(err)
		}
		if err := s.maker.Make(&s.items, 0, change); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClickIDOfTheURL is what looking for a click id in the page's URL costs a row that has one there, and a row that has none.
func BenchmarkClickIDOfTheURL(b *testing.B) {
	config := readFile(b, "testdata/rows/design/config.yaml")
	for _, c := range []struct{ name, row, config string }{
		{"not looked for", benchRow, strings.Replace(config, "web_events:", "web_events:\n  ttclid_from_url: false", 1)},
		{"found", benchRow, config},
		{"not there", strings.Replace(benchRow, "ttclid=E.C.P.", "campaign=E.C.P.", 1), config},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkRow(b, c.row, c.config) })
	}
}

func BenchmarkRequest(b *testing.B) {
	s := loadSync(b, readFile(b, "testdata/rows/design/config.yaml"))
	change := readChange(b, &s.columns, benchRow)
	var bodies [][]byte
	for i := range 1000 {
		if err := s.maker.Make(&s.items, i, change); err != nil {
			b.Fatal(err)
		}
	}
	for i := range s.items.List {
		bodies = append(bodies, s.items.Body(i))
	}
	var request []byte
	b.ReportAllocs()
	for b.Loop() {
		request = s.plan.AppendRequest(request[:0], s.items.Envelope(0), bodies)
	}
	b.SetBytes(int64(len(request)))
}

func TestMappingsAllocateNothing(t *testing.T) {
	first := func(folder string) string {
		return strings.Split(readFile(t, "testdata/rows/"+folder+"/rows.ndjson"), "\n")[0]
	}
	for folder, row := range map[string]string{"design": benchRow, "app": first("app"), "redact_hidden": first("redact_hidden")} {
		s := loadSync(t, readFile(t, "testdata/rows/"+folder+"/config.yaml"))
		change := readChange(t, &s.columns, row)
		warm := func() {
			for i := range 1000 {
				if err := s.maker.Make(&s.items, i, change); err != nil {
					t.Fatal(err)
				}
			}
			s.items.Buf, s.items.List = s.items.Buf[:0], s.items.List[:0]
		}
		warm()
		if n := testing.AllocsPerRun(5, warm); n > 0 {
			t.Errorf("%s: got %v allocations in 1000 rows, want 0", folder, n)
		}
	}
}

func TestAllItemsOfARowShareItsID(t *testing.T) {
	config := strings.Replace(readFile(t, "testdata/rows/design/config.yaml"), "order_paid: CompletePayment", "order_paid: [Purchase, Subscribe]", 1)
	s := loadSync(t, config)
	if err := s.maker.Make(&s.items, 7, readChange(t, &s.columns, benchRow)); err != nil {
		t.Fatal(err)
	}
	if got := len(s.items.List); got != 2 {
		t.Fatalf("got %d items, want 2", got)
	}
	for i, name := range []string{"Purchase", "Subscribe"} {
		body, id := string(s.items.Body(i)), string(s.items.ID(i))
		if !strings.HasPrefix(body, `{"event":`+strconv.Quote(name)) || !strings.Contains(body, `"event_id":"`+id+`"`) || len(id) != 32 {
			t.Errorf("item %d: got id %q in %s", i, id, body)
		}
		if item := s.items.List[i]; item.Row != 7 {
			t.Errorf("got row %d, want 7: %v", item.Row, pipeline.Item{})
		}
	}
	if string(s.items.ID(0)) != string(s.items.ID(1)) {
		t.Error("the ids differ")
	}
}

// BenchmarkThreeDigests is the part of a row's work that nobody can save: three identifiers and the row.
func BenchmarkThreeDigests(b *testing.B) {
	text := []byte(strings.Repeat("alice@example.com ", 30))
	for b.Loop() {
		for range 3 {
			sha256.Sum256(text[:26])
		}
		sha256.Sum256(text)
	}
}
