package debugger

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

const track = `{"event_source":"web","data":[{"event":"Purchase","user":{"email":"ab12","ip":"203.0.113.9","user_agent":"Mozilla"},"page":{"url":"https://shop.example/a?b=1#c"},"n":[1,2.50,true,null]},{"event":"Search","properties":{"query":"socks"}}]}`

func TestJSONIsMaskedAndOtherwiseAsItCame(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"on the page", string(calls.Mask([]byte(track))), `{"event_source":"web","data":[{"event":"Purchase","user":{"email":"ab12","ip":"[masked]","user_agent":"[masked]"},"page":{"url":"https://shop.example/a?[masked]"},"n":[1,2.50,true,null]},{"event":"Search","properties":{"query":"[masked]"}}]}`},
		{"in a command", string(sendable(calls.Mask([]byte(track)))), `{"event_source":"web","data":[{"event":"Purchase","user":{"email":"ab12"},"page":{"url":"https://shop.example/a"},"n":[1,2.50,true,null]},{"event":"Search","properties":{}}]}`},
		{"masked members alone", string(sendable([]byte(`{"user":{"ip":"[masked]","ttp":"[masked]"},"page":{"url":"a","referrer":"b?[masked]"},"text":"\"ip\":\"[masked]\""}`))), `{"user":{},"page":{"url":"a","referrer":"b"},"text":"\"ip\":\"[masked]\""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got  %s\nwant %s", c.got, c.want)
			}
		})
	}
}

func TestJSONForPeopleIsEscaped(t *testing.T) {
	got := string(jsonHTML([]byte(`{"a<b":"</span><script>","c":{}}`)))
	want := "{\n  <span class=\"jm\">&#34;a&lt;b&#34;</span>: <span class=\"js\">&#34;&lt;/span&gt;&lt;script&gt;&#34;</span>,\n  <span class=\"jm\">&#34;c&#34;</span>: {}\n}"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestARequestIsTakenApartAsFarAsItIsThere(t *testing.T) {
	whole := takeApart([]byte(track))
	if !whole.whole || len(whole.items) != 2 || string(whole.head) != `{"event_source":"web","data":[]}` || whole.list != "data" {
		t.Errorf("whole: %v, %d items, head %s", whole.whole, len(whole.items), whole.head)
	}
	cut := takeApart([]byte(track[:strings.Index(track, `{"event":"Search"`)+9]))
	if cut.whole || len(cut.items) != 1 {
		t.Errorf("cut: whole %v, %d items; want the 1 that is complete", cut.whole, len(cut.items))
	}
	segment := takeApart([]byte(`{"advertiser_ids":["7"],"action":"add","id_schema":["EMAIL_SHA256"],"batch_data":[[{"id":"ab","audience_ids":["1"]}],[{"id":"cd","audience_ids":["1"]}]]}`))
	if !segment.whole || len(segment.items) != 2 || segment.list != "batch_data" {
		t.Errorf("segment: whole %v, %d items in %s", segment.whole, len(segment.items), segment.list)
	}
}

func TestAnswersAreScrubbed(t *testing.T) {
	l := calls.New(calls.Limits{}, tiktok.Scrub)
	l.Add(pipeline.Call{Answer: pipeline.Answer{Body: []byte(`{"code":40002,"message":"value \"ada@example.com\" is wrong","request_id":"2026112218373700000000000000000001A"}`)}})
	got := l.Last("", 1, nil)[0].Answer.Body
	if !json.Valid(got) || strings.Contains(string(got), "ada@") || !strings.Contains(string(got), "2026112218373700000000000000000001A") {
		t.Errorf("got %s", got)
	}
}

func TestACommandSurvivesQuotes(t *testing.T) {
	if got := shellQuote(`it's`); got != `'it'\''s'` {
		t.Errorf("got %s", got)
	}
}
