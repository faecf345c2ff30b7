package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const previewRowsText = `{"id":1,"event_name":"order_paid","status":"paid","email":" Ada@Example.COM ","occurred_at":"2026-11-22T10:00:00Z","amount":"12.50","currency":"usd","customer_id":7}
{"op":"d","before":{"id":2,"status":"paid"},"after":null}
{"id":3,"event_name":"order_paid","status":"paid","email":"nope","occurred_at":"2026-11-22T10:00:00Z","page_url":"https://x.example/"}
null
{"id":4,"event_name":"order_paid","status":"open"}
not json
`

func TestPreviewSaysWhatEachRowBecomes(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	out, errs, code := tokrelay(t, previewRowsText, "preview", "-c", write(t, text), "--sync", "purchases", "--rows", "-", "--requests", "--now", "2026-11-22T12:00:00Z")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	type line struct {
		Row                           int
		Outcome, Stage, Reason, Field string
		Item                          *struct {
			Event      string
			EventTime  int64 `json:"event_time"`
			Properties struct {
				Value    float64
				Currency string
			}
		}
		Request *struct{ Method, Path string }
	}
	var got []line
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got = append(got, l)
	}
	if len(got) != 7 {
		t.Fatalf("%d lines, want six rows and a request:\n%s", len(got), out)
	}
	if i := got[0].Item; i == nil || i.Event != "Purchase" || i.EventTime != 1795341600 || i.Properties.Value != 12.5 || i.Properties.Currency != "USD" {
		t.Errorf("row 1 became %+v", got[0])
	}
	for i, want := range []line{
		1: {Row: 2, Outcome: "skip", Reason: "operation"},
		2: {Row: 3, Outcome: "reject", Stage: "identity", Reason: "invalid_email", Field: "user.email"},
		3: {Row: 4, Outcome: "skip", Reason: "tombstone"},
		4: {Row: 5, Outcome: "skip", Reason: "filtered"},
		5: {Row: 6, Outcome: "reject", Stage: "decode", Reason: "json_decode"},
	} {
		if i > 0 && got[i] != want {
			t.Errorf("row %d became %+v, want %+v", i+1, got[i], want)
		}
	}
	if r := got[6].Request; r == nil || r.Method != "POST" || r.Path != "/open_api/v1.3/event/track/" {
		t.Errorf("the request is %+v", got[6])
	}
	if strings.Contains(strings.ToLower(out), "ada@example.com") {
		t.Error("the preview prints a clear e-mail address")
	}
}

func TestPreviewOfRowsNeedsNoSecret(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	path := write(t, strings.ReplaceAll(text, "${TIKTOK_ACCESS_TOKEN:-sandbox-token}", "${A_TOKEN_NOBODY_HAS_SET}"))
	out, errs, code := tokrelay(t, previewRowsText, "preview", "-c", path, "--sync", "purchases", "--rows", "-")
	if code != exitDone || out == "" || !strings.Contains(errs, "A_TOKEN_NOBODY_HAS_SET is not set") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if _, _, code := tokrelay(t, "", "check", "-c", path); code != exitUsage {
		t.Errorf("check of the same file exits with %d, want %d", code, exitUsage)
	}
}

const notesText = `kafka: {brokers: [localhost:9092]}
schema_registry: {url: http://localhost:8081}
connections: {main: {advertiser_id: "7000000000000000001", access_token: t}}
syncs:
  - name: events
    topic: events
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, fields: {event_time: {now: true}, user.email: email, page.url: url}}
  - name: streamed
    topic: streamed
    audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email, PHONE_SHA256: [phone, mobile]}}
  - name: whole
    topic: whole
    audience_file: {audience: {name: B}, identifier: {EMAIL_SHA256: email, PHONE_SHA256: phone}}
`

func TestPreviewTellsWhatIsNotSentAsItIs(t *testing.T) {
	file := write(t, notesText)
	for sync, want := range map[string]string{
		"events":   "event_time taken from elsewhere, page.url redacted",
		"streamed": "identifiers.PHONE_SHA256 left out, identifiers.PHONE_SHA256 changed",
		"whole":    "identifier.PHONE_SHA256 left out",
	} {
		rows := `{"email":"ada@example.com","phone":"n/a","mobile":"+44 (0)20 7183 8750","url":"https://x.example/?e=ada@example.com"}` + "\n"
		out, errs, code := tokrelay(t, rows+rows, "preview", "-c", file, "--sync", sync, "--rows", "-")
		if code != exitDone {
			t.Fatalf("%s: exit %d: %s", sync, code, errs)
		}
		for text := range strings.Lines(out) {
			var l struct {
				Notes []struct{ Field, What, Why string }
			}
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			var got []string
			for _, n := range l.Notes {
				got = append(got, n.Field+" "+n.What)
				if n.Why == "" {
					t.Errorf("%s: %v without a reason", sync, n)
				}
			}
			if strings.Join(got, ", ") != want || strings.Contains(text, "ada@") {
				t.Errorf("%s: got notes %q, want %q: %s", sync, got, want, text)
			}
		}
	}
}

func TestTheExampleRowsShowEachOutcome(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	rows, _, _ := tokrelay(t, "", "preview", "--example")
	out, errs, code := tokrelay(t, rows, "preview", "-c", write(t, text), "--sync", "purchases", "--rows", "-")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got []string
	for text := range strings.Lines(out) {
		var l struct{ Outcome, Reason string }
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got = append(got, l.Outcome+" "+l.Reason)
	}
	if want := "deliver , skip filtered, reject invalid_currency, skip operation"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}
