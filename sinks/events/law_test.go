package events

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// lawRows is how many random rows each configuration of the law gets: each run of the test gets others.
var lawRows = flag.Int("rows", 1000, "random rows for each configuration of the law")

// marker is in every clear identifier of the random rows.
const marker = "clear7marker"

// TestTikTokTakesWhatWeAccept is the law of this package: every accepted row is accepted by the strict sandbox, so every
// row the sandbox would refuse is rejected here.
func TestTikTokTakesWhatWeAccept(t *testing.T) {
	for name, head := range map[string]string{
		"web":     "pixel_code: CTESTPIXELCODE000000",
		"offline": "event_source: offline\n  event_source_id: '7000000000000000101'",
		"crm":     "event_source: crm\n  event_source_id: '7000000000000000201'",
		"app":     "event_source: app\n  event_source_id: '7000000000000000301'",
		"rows":    "event_source: {column: source, default: web}\n  pixel_code: {column: pixel}\n  event_source_id: {column: set}\n  test_event_code: {column: test}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			l := newLaw(t, head, rand.New(rand.NewPCG(seed, 1)))
			for range *lawRows / 500 {
				l.batch(t, 500)
			}
			l.wantBothOutcomes(t)
		})
	}
}

type law struct {
	*testSync
	r        *rand.Rand
	tiktok   http.Handler
	names    []string // of events
	columns  []string
	accepted int
	reasons  map[pipeline.Reason]int
}

func newLaw(t *testing.T, head string, r *rand.Rand) *law {
	l := &law{r: r, reasons: map[pipeline.Reason]int{}}
	l.testSync = loadSync(t, lawConfig(head))
	l.columns, _ = l.testSync.columns.Wanted()
	l.tiktok = sandbox.New(sandbox.Config{Now: func() time.Time { return caseNow }, Limits: sandbox.NoLimits(),
		Refuse: sandbox.Strict(), AllowApp: true})
	l.names = namesOf(l.plan.cfg.source())
	return l
}

// lawConfig maps every field that the source and the API have to a column of its name.
func lawConfig(head string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "web_events:\n  %s\n  event: {column: event}\n  fields:\n    event_time: event_time\n", head)
	from := everywhere
	for _, s := range sources {
		if strings.Contains(head, "event_source: "+s.name) {
			from = s.is
		}
	}
	if strings.HasPrefix(head, "pixel_code") {
		from = web
	}
	for _, s := range specs {
		if s.sources&from == 0 {
			continue
		}
		form := s.name
		switch s.name {
		case "user.phone":
			form = "{column: user.phone, default_country: {column: country, default: US}}"
		case "page.url":
			form = "{column: page.url, default: 'https://shop.example/'}"
		}
		fmt.Fprintf(&b, "    %s: %s\n", s.name, form)
	}
	if strings.Contains(head, "custom_properties") {
		b.WriteString("    properties.own: own\n")
	}
	return b.String()
}

// batch makes random rows and sends what is accepted of them.
func (l *law) batch(t *testing.T, rows int) {
	l.items.Reset()
	var changes []*pipeline.Change
	for range rows {
		c := l.row()
		changes = append(changes, c)
		switch err := l.maker.Make(&l.items, len(changes)-1, c).(type) {
		case nil:
			l.accepted++
		case *pipeline.Rejection:
			l.reasons[err.Reason]++
			if err.Reason.Info().Meaning == "" || strings.Contains(err.Message(), marker) || len(err.Message()) > 600 {
				t.Fatalf("a rejection that should not be: %s", err.Message())
			}
		default:
			t.Fatalf("neither accepted nor rejected: %v", err)
		}
	}
	if bytes.Contains(l.items.Buf, []byte(marker)) {
		t.Fatal("a clear identifier left the package")
	}
	l.send(t, changes)
}

// send posts the items, apart by envelope, in calls as large as TikTok allows.
func (l *law) send(t *testing.T, changes []*pipeline.Change) {
	limit, maxBytes := l.plan.Limits()
	byEnvelope := map[int32][]int{}
	for i, item := range l.items.List {
		byEnvelope[item.Envelope] = append(byEnvelope[item.Envelope], i)
	}
	for _, items := range byEnvelope {
		for call := range slices.Chunk(items, min(limit, 50)) {
			if body := l.request(call); len(body) > maxBytes+50*maxEvent {
				t.Fatalf("a call of %d bytes", len(body))
			}
			if refusal := l.post(call); refusal != "" {
				l.blame(t, call, changes, refusal)
			}
		}
	}
}

func (l *law) request(items []int) []byte {
	var bodies [][]byte
	for _, i := range items {
		bodies = append(bodies, l.items.Body(i))
	}
	return l.plan.AppendRequest(nil, l.items.Envelope(items[0]), bodies)
}

// post is what TikTok says against the call, or nothing. That it does not know a row's pixel or set, or that one is not of the
// row's source, is no fault of the data.
func (l *law) post(items []int) string {
	r := httptest.NewRequest(http.MethodPost, "/open_api/v1.3"+Endpoint, bytes.NewReader(l.request(items)))
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	l.tiktok.ServeHTTP(w, r)
	answer := struct {
		Code    int
		Message string
	}{Code: -1}
	if json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		return w.Body.String()
	}
	if answer.Code == 0 || answer.Code == 40001 || answer.Message == "Invalid value for event_source_id: not a valid string." {
		return ""
	}
	return w.Body.String()
}

// blame finds the rows that TikTok refuses.
func (l *law) blame(t *testing.T, call []int, changes []*pipeline.Change, refusal string) {
	t.Errorf("TikTok refuses a call: %s", refusal)
	for _, i := range call {
		if refusal := l.post([]int{i}); refusal != "" {
			t.Fatalf("TikTok refuses a row we accept: %s\n%.2000s", refusal, l.items.Body(i))
		}
	}
	t.FailNow()
}

// wantBothOutcomes keeps the law from holding because of rows that are all alike.
func (l *law) wantBothOutcomes(t *testing.T) {
	if l.accepted < *lawRows/10 || l.accepted > *lawRows*9/10 || len(l.reasons) < 12 {
		t.Errorf("of %d rows %d were accepted, the others rejected for %d reasons: %v", *lawRows, l.accepted, len(l.reasons), l.reasons)
	}
	t.Logf("accepted %d of %d; rejected: %v", l.accepted, *lawRows, l.reasons)
}

// row is a row whose columns are good but for up to three.
func (l *law) row() *pipeline.Change {
	c := &pipeline.Change{Op: pipeline.Insert, Shape: &pipeline.Shape{Names: l.columns}, After: pipeline.Image{Present: true}}
	for i, name := range l.columns {
		c.Shape.Sorted = append(c.Shape.Sorted, int32(i))
		c.After.Values = append(c.After.Values, l.good(name))
	}
	for range l.r.IntN(4) {
		c.After.Values[l.r.IntN(len(l.columns))] = l.odd()
	}
	return c
}

// good is a value the field takes, in one of the forms databases have for it; or NULL.
func (l *law) good(column string) pipeline.Value {
	s := specOf(column)
	required := column == "event" || column == "event_time" || column == "pixel" || column == "set" || s != nil && s.required != 0 && s.name != "page.url"
	if !required && l.r.IntN(3) == 0 {
		return pipeline.NullValue()
	}
	if v, ok := l.named(column); ok {
		return v
	}
	if s == nil {
		return pipeline.NullValue()
	}
	switch s.kind {
	case number, share:
		return l.number()
	case whole:
		return l.pick(pipeline.IntValue(2), l.text("3"), pipeline.FloatValue(4), pipeline.DecimalValue(500, 2))
	case boolean:
		return l.pick(pipeline.BoolValue(true), pipeline.IntValue(0), l.text("f"))
	case choice:
		return l.text(strings.ToLower(s.choices[l.r.IntN(len(s.choices))]))
	case texts:
		return l.pick(pipeline.ListValue([]pipeline.Value{l.text("a"), pipeline.IntValue(3)}), pipeline.JSONValue([]byte(`["x",4,null]`)), l.text("one"))
	case numbers:
		return l.pick(pipeline.ListValue([]pipeline.Value{pipeline.IntValue(1), pipeline.FloatValue(2.5)}), pipeline.JSONValue([]byte(`["1", 2e3]`)))
	}
	return l.pick(l.text("plain"), pipeline.IntValue(77), l.text(l.unicode()))
}

// named is a value for the columns that have a form of their own.
func (l *law) named(column string) (pipeline.Value, bool) {
	switch column {
	case "event":
		return l.text(l.names[l.r.IntN(len(l.names))]), true
	case "event_time":
		return l.moment(), true
	case "source":
		return l.text(sources[l.r.IntN(len(sources))].name), true
	case "pixel":
		return l.text(sandbox.DefaultPixel), true
	case "set":
		return l.pick(l.text(sandbox.DefaultOfflineSet), l.text(sandbox.DefaultCRMSet), l.text(sandbox.DefaultTikTokApp)), true
	case "id", "own":
		return l.text(fmt.Sprint("order ", l.r.Uint64())), true
	case "test":
		return l.text("TEST123"), true
	case "user.email":
		return l.pick(l.text(" "+marker+"@Mail.Example "), pipeline.ListValue([]pipeline.Value{l.text(marker + "@x.example"), l.text("b" + marker + "@x.example")})), true
	case "user.phone":
		return l.pick(l.text("+1 213 373 4253"), pipeline.IntValue(12133734253), l.text("(213) 373-4253")), true
	case "user.external_id", "user.first_name", "user.last_name", "user.zip_code":
		return l.pick(l.text(marker+"-17"), l.text(strings.Repeat("a1", 32))), true
	case "user.idfa", "user.gaid", "user.idfv":
		return l.pick(l.text("EA7583CD-A667-48BC-B806-42ECB2B48606"), l.text(" ea7583cd-a667-48bc-b806-42ecb2b48606"), l.text("00000000-0000-0000-0000-000000000000")), true
	case "device.browser_version_list":
		return l.pick(pipeline.JSONValue([]byte(`[{"brand":"Chromium","version":"140.0"},{"brand":"Not A","version":24,"x":[]}]`)), l.text(`[{"brand":"ü"}]`),
			pipeline.ListValue([]pipeline.Value{pipeline.StructValue([]string{"brand", "version"}, []pipeline.Value{l.text("Chromium"), l.text("140")})})), true
	case "user.ip":
		return l.pick(l.text("203.0.113.9"), l.text("2001:db8::1"), l.text("203.0.113.9/32")), true
	case "page.url", "page.referrer":
		return l.pick(l.text("https://shop.example/a?b=c#d"), l.text("HTTP://Shop.Example"), l.text("https://müller.example/ü")), true
	case "properties.currency":
		return l.pick(l.text("EUR"), l.text("usd"), l.text(" jpy ")), true
	case "properties.contents":
		return l.products(), true
	}
	return pipeline.Value{}, false
}

func (l *law) moment() pipeline.Value {
	at := caseNow.Add(-time.Duration(l.r.IntN(29*24)) * time.Hour / 4)
	return l.pick(pipeline.InstantValue(at.Unix(), 5), pipeline.LocalValue(at.Unix(), 0), pipeline.IntValue(at.Unix()), pipeline.IntValue(at.UnixMilli()),
		pipeline.IntValue(at.UnixMicro()), l.text(at.Format(time.RFC3339)), l.text(at.Format(time.DateTime)), pipeline.DateValue(at.Unix()/86400))
}

func (l *law) number() pipeline.Value {
	return l.pick(pipeline.IntValue(0), pipeline.FloatValue(0.25), pipeline.Float32Value(0.1), pipeline.DecimalValue(75, 2), l.text("0.50"), l.text("1e-3"), l.text(".5"))
}

func (l *law) products() pipeline.Value {
	return l.pick(
		pipeline.JSONValue([]byte(`[{"content_id":12,"price":"1.50","quantity":2,"extra":{"a":[1]}},{"content_id":"\u00fc\n","price":0}]`)),
		pipeline.ListValue([]pipeline.Value{pipeline.StructValue([]string{"content_id", "price"}, []pipeline.Value{pipeline.IntValue(9), l.number()})}),
		pipeline.JSONValue([]byte(`[]`)),
		pipeline.ListValue([]pipeline.Value{pipeline.JSONValue([]byte(`{"content_id":"a","content_id":"b"}`)), pipeline.NullValue()}))
}

func (l *law) pick(values ...pipeline.Value) pipeline.Value { return values[l.r.IntN(len(values))] }

func (l *law) text(s string) pipeline.Value { return textOf(s) }

// unicode is text with everything JSON has to escape.
func (l *law) unicode() string {
	pool := []rune("ab \"\\/\b\f\n\r\t\x00\x1f\x7fé€😀\u2028\u2029\u200b\ufeff\ufffd")
	var b strings.Builder
	for range 1 + l.r.IntN(20) {
		b.WriteRune(pool[l.r.IntN(len(pool))])
	}
	return b.String()
}

// odd is a value that hardly any field takes, or takes in an unusual way: texts most of the time.
func (l *law) odd() pipeline.Value {
	switch n := l.r.IntN(10); {
	case n == 0:
		return l.text(l.unicode())
	case n < 5:
		return l.text(oddTexts[l.r.IntN(len(oddTexts))])
	case n < 6:
		return pipeline.JSONValue([]byte(oddJSON[l.r.IntN(len(oddJSON))]))
	case n < 7:
		return l.pick(pipeline.IntValue(l.r.Int64()), pipeline.IntValue(-l.r.Int64N(100)))
	}
	return l.pick(oddValues...)
}

var oddTexts = []string{"", " ", "null", "undefined", "0", "-1", "-0", "1,234.50", "$10", "10 USD", "NaN", "Infinity", "0x1F", "1_000", "+5", "1e400", "1e-400",
	"1e99999", "12.50 ", "007", "５", strings.Repeat("9", 400), strings.Repeat("x", 9000), "true", "t", "2026-08-01", "2026-13-45", "9999-12-31T23:59:59Z",
	"1754000000", "1754000000000", "addtocart", "add_to_cart", "PURCHASE", "Purchase ", "eur", "EURO", "€", "a@b", "a@b.c", "no mail", "x@y.example, z@y.example",
	"+0", "12345", "00491711234567", "www.shop.example/x", "//shop.example", "https://", "https:///x", "https://exa mple.example", "javascript:alert(1)", "http://a\nb.example",
	"ftp://files.example/x", "1.2.3.4, 5.6.7.8", "1.2.3.4:80", "fe80::1%eth0", "::ffff:1.2.3.4", "192.168.0.1", "[]", "{}", `["a"]`, `{"a":1}`, "web", "OFFLINE",
	strings.Repeat("f", 64), strings.Repeat("F", 64), strings.Repeat("0", 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"2 items", "New", "new ", "product", "Product_Group"}

var oddJSON = []string{"", "null", "[", "[1,", `[{"price":-1}]`, `[{"price":"x"}]`, `[{}]`, `["a"]`, `[[]]`, `{"content_id":"a"}`, `[{"quantity":1.5}]`, `[{"quantity":1e2}]`, "1", `"x"`, "true",
	`[{"content_id":{"a":1}}]`, `[{"content_id":"\ud800"}]`, strings.Repeat("[", 200), `[{"price":1e999}]`, `[{"content_id":null,"price":null}]`, `[null]`, "[1,2]", "[1,2,3]", `[{"content_id":"a"}] x`}

var oddValues = []pipeline.Value{
	pipeline.Value{}, pipeline.NullValue(), pipeline.UnavailableValue(), pipeline.BoolValue(true),
	pipeline.FloatValue(math.NaN()), pipeline.FloatValue(math.Inf(-1)), pipeline.FloatValue(math.MaxFloat64), pipeline.FloatValue(5e-324), pipeline.FloatValue(-0.5), pipeline.FloatValue(math.Copysign(0, -1)),
	pipeline.Float32Value(math.MaxFloat32), pipeline.DecimalValue(-5, 2), pipeline.DecimalValue(5, 2000000000), pipeline.DecimalValue(5, -2000000000), pipeline.BigDecimalValue(bytes.Repeat([]byte{0x7f}, 200), 3),
	textOf("M\xfcller"), pipeline.BytesValue([]byte{0, 1, 2}), pipeline.BytesValue([]byte("text")), pipeline.InstantValue(1<<60, 0), pipeline.InstantValue(0, 0), pipeline.InstantValue(caseNow.Unix()+700, 0),
	pipeline.LocalValue(9223372036825, 0), pipeline.DateValue(0), pipeline.DateValue(1 << 40), pipeline.TimeOfDayValue(5), pipeline.DurationValue(5), pipeline.ListValue(nil),
	pipeline.ListValue([]pipeline.Value{pipeline.NullValue(), textOf("x")}), pipeline.ListValue(slices.Repeat([]pipeline.Value{textOf("y")}, 1200)), pipeline.StructValue(nil, nil),
	pipeline.StructValue([]string{"content_id"}, []pipeline.Value{textOf("z")}),
}

func textOf(s string) pipeline.Value { return pipeline.StringValue([]byte(s)) }
