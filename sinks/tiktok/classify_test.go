package tiktok

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// The whole table of return codes that TikTok is known to use, with what each means for the call.
var wantCodes = map[pipeline.Verdict]string{
	pipeline.Accepted:  "0",
	pipeline.Warned:    "20001 40012 40050",
	pipeline.Throttled: "40016/app 40100/endpoint 40132/field 40133/advertiser 61000/app",
	pipeline.TooMany:   "40011 40061 40907",
	pipeline.Denied: "40101/app 40102/app 40103/app 40104/app 40105/app 40106/advertiser 40107/app 40108/app 40110/app 40112/app 40113/app 40114/app 40115/app 40116/app 40309/app 70001/app " +
		"40001/field 40003/field 40117/field 40118/field 40119/field 40124/field 40125/field 40130/field 40131/field",
	pipeline.Broken: "40006 40008 40009 40010 40013 40014 40051 40052 40053 40063 40109 40120 40121 40122 40126 40127 40128 40129 " +
		"40300 40301 40302 40400 40502 40909 41000 41001 41002 41013",
	pipeline.Retry: "40200 40201 40202 40900 50000 50002 51000 51003 51010 51012 51039 51063 51067 51099 51305 52000 52204 53102 53103 60001 " +
		"50999 60002 99999 1 -1 20002 30000",
	pipeline.Refused: "40000 40002 40007 40062 40700 40901 40902 40903 40904 40905 40906 40908 40910 40911 40912 40913 40914 40915 40916",
	pipeline.Unknown: "40999/field 41999/field 49999/field 40123/field",
}

func TestEveryCodeHasItsVerdict(t *testing.T) {
	for want, list := range wantCodes {
		for text := range strings.FieldsSeq(list) {
			code, scope, _ := strings.Cut(text, "/")
			t.Run(code, func(t *testing.T) {
				body := fmt.Sprintf(`{"code":%s,"message":"Some text.","request_id":"20260813abc","data":{}}`, code)
				a := Classify(200, []byte(body), nil)
				if a.Verdict != want || string(a.Scope) != scope {
					t.Errorf("got %v/%s, want %v/%s", a.Verdict, a.Scope, want, scope)
				}
				if a.CodeText() != code || a.Message != "Some text." || a.RequestID != "20260813abc" || a.HTTPStatus != 200 {
					t.Errorf("answer: got %+v, want code, message and request id as sent", a)
				}
			})
		}
	}
}

func TestTheTableOfCodesIsTestedWhole(t *testing.T) {
	tested := map[string]bool{}
	for _, list := range wantCodes {
		for text := range strings.FieldsSeq(list) {
			code, _, _ := strings.Cut(text, "/")
			tested[code] = true
		}
	}
	for code := range codes {
		if !tested[fmt.Sprint(code)] {
			t.Errorf("code %d is in the table and not in the test", code)
		}
	}
}

func TestALabelNamesNoCodeThatTheTableLacks(t *testing.T) {
	for code, want := range map[int]string{40002: "40002", 0: "0", 40999: "other_4xxxx", 51099: "other_5xxxx", 61234: "other_6xxxx", 40100: "40100"} {
		a := Classify(200, fmt.Appendf(nil, `{"code":%d,"message":"x"}`, code), nil)
		if got := a.CodeLabel(); got != want {
			t.Errorf("code %d: got label %q, want %q", code, got, want)
		}
	}
}

// The texts are live answers, or made in their style.
func TestARefusalThatNamesAPartOfTheCallBlamesNoRow(t *testing.T) {
	cases := []struct {
		code    int
		message string
		part    string // "": an item may be to blame
	}{
		{40002, "Invalid value for event_source_id: not a valid string.", "event_source_id"},
		{40002, "Invalid value for event_source: must be web, app or offline.", "event_source"},
		{40000, "Missing required field(s): pixel_code.", "pixel_code"},
		{40002, "`test_event_code` is not valid", "test_event_code"},
		{40999, "partner_name: unknown", "partner_name"},
		{40011, "Too many advertiser_ids.", "advertiser_ids"},
		{40002, "batch_data.3.0.audience_ids: Audience does not exist.", "audience_ids"},
		{40002, "Invalid value for data: not a valid list.", "data"},
		{40002, "Missing required field(s): data.", "data"},
		{40002, "Invalid value for event_id: not a valid string.", ""},
		{40002, "data.3.properties.currency: Not a valid currency.", ""},
		{40002, "Some data could not be read.", ""},
		{40002, "", ""},
	}
	for _, c := range cases {
		a := Classify(200, fmt.Appendf(nil, `{"code":%d,"message":%q}`, c.code, c.message), nil)
		held := a.Verdict == pipeline.Broken && a.Scope == pipeline.ScopeField
		if held != (c.part != "") || held && a.Field != c.part {
			t.Errorf("%d %q: got %v/%s field %q, want part %q", c.code, c.message, a.Verdict, a.Scope, a.Field, c.part)
		}
	}
}

func TestBodiesThatAreNotTikToksAreJudgedByTheirStatus(t *testing.T) {
	const page = "<html><head><title>502 Bad Gateway</title></head></html>"
	cases := []struct {
		status int
		body   string
		want   pipeline.Verdict
		scope  pipeline.Scope
	}{
		{200, page, pipeline.Retry, ""},
		{200, "", pipeline.Retry, ""},
		{200, `{"message":"OK"}`, pipeline.Retry, ""},
		{200, `{"code":"0","message":"OK"}`, pipeline.Retry, ""},
		{200, `[0]`, pipeline.Retry, ""},
		{200, `{"code":0,"message":"O`, pipeline.Retry, ""},
		{204, "", pipeline.Retry, ""},
		{301, "", pipeline.Broken, ""},
		{302, page, pipeline.Broken, ""},
		{400, page, pipeline.Retry, ""},
		{401, page, pipeline.Denied, pipeline.ScopeApp},
		{403, page, pipeline.Denied, pipeline.ScopeApp},
		{404, "404 page not found", pipeline.Broken, ""},
		{405, "", pipeline.Broken, ""},
		{407, "", pipeline.Broken, ""},
		{408, "", pipeline.Retry, ""},
		{413, page, pipeline.TooMany, ""},
		{422, "", pipeline.Retry, ""},
		{429, "", pipeline.Throttled, pipeline.ScopeEndpoint},
		{500, page, pipeline.Retry, ""},
		{502, page, pipeline.Retry, ""},
		{503, "", pipeline.Retry, ""},
		{504, "", pipeline.Retry, ""},
		{500, `{"code":40002,"message":"odd"}`, pipeline.Retry, ""},
		{503, `{"code":0,"message":"OK"}`, pipeline.Retry, ""},
		{404, `{"code":40002,"message":"Batch.3.event: wrong"}`, pipeline.Refused, ""},
		{404, `{"code":0,"message":"OK"}`, pipeline.Broken, ""},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %.20s", c.status, c.body), func(t *testing.T) {
			a := Classify(c.status, []byte(c.body), nil)
			if a.Verdict != c.want || a.Scope != c.scope {
				t.Errorf("got %v/%s, want %v/%s", a.Verdict, a.Scope, c.want, c.scope)
			}
			if strings.Contains(a.Message, "<") {
				t.Errorf("message: got %q, want no piece of the page", a.Message)
			}
		})
	}
}

func TestStatesOfAnAudienceAreNoDataErrors(t *testing.T) {
	cases := map[string]pipeline.State{
		"Audience is not editable, please check audience status": pipeline.StateNotEditable,
		"This replace operation is rejected as there is an existing unfinished replace operation for this audience. Please wait until the current operation completes on this audience before re trying. Recommend no more than one replace operation per day.": pipeline.StateReplacing,
		"Missing required field(s): account_id.": "",
	}
	for message, want := range cases {
		a := Classify(http.StatusOK, fmt.Appendf(nil, `{"code":40002,"message":%q}`, message), nil)
		verdict := pipeline.Retry
		if want == "" {
			verdict = pipeline.Refused
		}
		if a.State != want || a.Verdict != verdict {
			t.Errorf("%.30s…: got %v %q, want %v %q", message, a.Verdict, a.State, verdict, want)
		}
	}
}

func TestTheFieldAMessageNames(t *testing.T) {
	for message, want := range map[string]string{
		"Invalid value for currency: not a valid currency.":            "currency",
		"Invalid value for properties.value: not a valid number.":      "properties.value",
		"Invalid value for Alice_Smith: wrong":                         "",
		"Missing required field(s): account_id.":                       "",
		"Batch.0.properties.contents.0.content_id: Not a valid string": "",
		"": "",
	} {
		if got := fieldIn(message); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func TestMessagesAreScrubbed(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"e-mail", "user.email alice@example.com is not hashed", "user.email [redacted] is not hashed"},
		{"e-mail in brackets", "bad value (alice@example.com)", "bad value ([redacted])"},
		{"telephone", "phone +1 (213) 373-4253 is wrong", "phone [redacted] is wrong"},
		{"a device's id", "idfv E621E1F8-C36C-495A-93FC-0C247A3E6E5F is wrong", "idfv [redacted] is wrong"},
		{"a device's id without digits", "idfv abcdefab-abcd-abcd-abcd-abcdefabcdef is wrong", "idfv [redacted] is wrong"},
		{"telephone without spaces", "phone:+12133734253", "[redacted]"},
		{"digest", "hash 848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f unknown", "hash [redacted] unknown"},
		{"token", "token act.a1B2c3D4e5F6g7H8i9J0k1L2m3 is wrong", "token [redacted] is wrong"},
		{"address", "ip 10.0.0.1 is private, 2001:db8::1 is not", "ip [redacted] is private, [redacted] is not"},
		{"quoted", `value "Alice Smith" and 'Bob' and ` + "`x y`", `value "[redacted]" and '[redacted]' and ` + "`[redacted]`"},
		{"advertiser", "Advertiser (7000000000000000001)'s QPS (11) reaches QPS limit 10", "Advertiser (7000000000000000001)'s QPS (11) reaches QPS limit 10"},
		{"audience", "Audience 7312345678901234567 does not exist, 7312345678901234567.", "Audience 7312345678901234567 does not exist, 7312345678901234567."},
		{"audience in quotes", `Audience "7312345678901234567" of 'Ann'`, `Audience "7312345678901234567" of '[redacted]'`},
		{"as long as an id", "card 4012345678901234567, +7312345678901234567 and 73123456789012345678", "card [redacted], [redacted] and [redacted]"},
		{"lines", "a\r\nb\tc\x00d", "a  b c d"},
		{"kept", "Batch.0.properties.contents.0.content_id: Not a valid string", "Batch.0.properties.contents.0.content_id: Not a valid string"},
		{"pixel kept", "No permission to operate pixel code: BU35TSQHT2A1QT375OMG. You must be an admin.", "No permission to operate pixel code: BU35TSQHT2A1QT375OMG. You must be an admin."},
		{"apostrophe kept", "The request QPS is limited by pixel_code's value.", "The request QPS is limited by pixel_code's value."},
		{"not UTF-8", "a\xffb", "a?b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Scrub(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := Scrub(strings.Repeat("é ", 400)); len(got) > maxMessage || strings.ToValidUTF8(got, "") != got {
		t.Errorf("a long message: got %d bytes, want at most %d whole characters", len(got), maxMessage)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("user.email alice@example.com +1 (213) 373-4253 '848a771458438fc2ec420560d769fb9b'")
	f.Fuzz(func(t *testing.T, s string) {
		got := Scrub(s + " alice@example.com 12133734253 848a771458438fc2ec420560d769fb9b")
		for _, clear := range []string{"alice@example.com", "12133734253", "848a771458438fc2"} {
			if strings.Contains(got, clear) && !strings.Contains(s, clear) {
				t.Errorf("%q is left in %q", clear, got)
			}
		}
		if len(got) > maxMessage {
			t.Errorf("got %d bytes, want at most %d", len(got), maxMessage)
		}
	})
}
