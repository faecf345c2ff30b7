package events

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TestNoClearAddressOrNumberIsInARequest is promise P3 for what is sent in clear: whatever a row holds, and in whatever field, the
// request has no address and no phone number of it, however often a reader undoes its encoding.
func TestNoClearAddressOrNumberIsInARequest(t *testing.T) {
	for name, head := range map[string]string{
		"web":     "pixel_code: CTESTPIXELCODE000000\n  custom_events: true\n  custom_properties: true",
		"offline": "event_source: offline\n  event_source_id: '7000000000000000101'\n  custom_properties: true",
		"app":     "event_source: app\n  event_source_id: '7000000000000000301'\n  custom_events: true",
		"rows":    "event_source: {column: source, default: web}\n  pixel_code: {column: pixel}\n  event_source_id: {column: set}\n  test_event_code: {column: test}\n  event_id: {column: id}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			l := newLaw(t, head, rand.New(rand.NewPCG(seed, 2)))
			accepted := 0
			for range *lawRows {
				accepted += l.clearRow(t)
			}
			if accepted < *lawRows/25 {
				t.Errorf("of %d rows %d were accepted: too few to tell", *lawRows, accepted)
			}
		})
	}
}

// clearRow makes a row with marked values in a few of its columns, and looks for them in what is sent of it.
func (l *law) clearRow(t *testing.T) int {
	c := l.row()
	for range 1 + l.r.IntN(3) {
		c.After.Values[l.r.IntN(len(l.columns))] = l.marked()
	}
	l.items.Reset()
	notes := pipeline.Notes{}
	l.items.Notes = &notes
	defer func() { wantNoMarks(t, fmt.Sprint(notes)) }()
	if l.maker.Make(&l.items, 0, c) != nil {
		return 0
	}
	for i := range l.items.List {
		var request any
		body := l.plan.AppendRequest(nil, l.items.Envelope(i), [][]byte{l.items.Body(i)})
		if err := json.Unmarshal(body, &request); err != nil {
			t.Fatal(err)
		}
		wantNoMarks(t, request)
	}
	return 1
}

const (
	markedAddress = "marked.person@mail.example"
	markedNumber  = "12133734253"
)

// marked is a value with a marked address or number, in one of the ways that rows have them.
func (l *law) marked() pipeline.Value {
	mark := []string{markedAddress, "Marked.Person@Mail.Example", "+1 213 373 4253", "+12133734253", "+1-213-373-4253", "+1 (213) 373-4253"}[l.r.IntN(6)]
	for range l.r.IntN(4) {
		mark = []func(string) string{url.QueryEscape, url.PathEscape, percent}[l.r.IntN(3)](mark)
	}
	form := []string{"%s", " %s ", "of %s, 2", "https://shop.example/%s", "https://shop.example/a/%s?ttclid=x", "https://shop.example/?a=b&e=%s", "https://shop.example/?%s&c",
		"https://%s:pw@shop.example/", "https://%s/", "https://shop.example/#e=%s", "https://shop.example/?next=https%%3A%%2F%%2Fx%%3Fe%%3D%s", "http://shop.example/;m=%s?x",
		"<%s>", "mailto:%s", "%%25%s", "+%s", "ü%sü", "%s\n", "a=b&e=%s"}[l.r.IntN(19)]
	text := fmt.Sprintf(form, mark)
	quoted, _ := json.Marshal(text)
	return l.pick(textOf(text), textOf(text), textOf(text), pipeline.ListValue([]pipeline.Value{textOf("x"), textOf(text)}), pipeline.JSONValue(quoted),
		pipeline.JSONValue([]byte(`[`+string(quoted)+`]`)), pipeline.JSONValue([]byte(`[{"content_id":`+string(quoted)+`,"brand":`+string(quoted)+`,"price":1}]`)), textOf(`[`+text+`,x]`))
}

// percent encodes every byte.
func percent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// wantNoMarks looks through every text of a request, its names included.
func wantNoMarks(t *testing.T, x any) {
	switch x := x.(type) {
	case string:
		plain := strings.ToLower(undone(x))
		digits := strings.NewReplacer(" ", "", "-", "", "+", "", "(", "", ")", "").Replace(plain)
		if strings.Contains(plain, markedAddress) || strings.Contains(digits, markedNumber) {
			t.Errorf("sent in clear: %q", x)
		}
	case []any:
		for _, e := range x {
			wantNoMarks(t, e)
		}
	case map[string]any:
		for name, e := range x {
			wantNoMarks(t, name)
			wantNoMarks(t, e)
		}
	}
}

// undone is the text without percent-encoding: each round takes one layer off.
func undone(text string) string {
	for {
		var b strings.Builder
		for i := 0; i < len(text); i++ {
			c, err := url.PathUnescape(text[i:min(i+3, len(text))])
			if text[i] == '%' && err == nil && len(c) == 1 {
				b.WriteString(c)
				i += 2
				continue
			}
			b.WriteByte(text[i])
		}
		if b.String() == text {
			return text
		}
		text = b.String()
	}
}
