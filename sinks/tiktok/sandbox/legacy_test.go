package sandbox

import (
	"fmt"
	"strings"
	"testing"
)

func one(fields string) string {
	return `{"pixel_code":"` + DefaultPixel + `","event":"Purchase","event_id":"1","timestamp":"2026-03-01T12:00:00Z"` + fields + `}`
}

func batch(events ...string) string {
	return `{"pixel_code":"` + DefaultPixel + `","batch":[` + strings.Join(events, ",") + `]}`
}

func legacy(fields string) string {
	return `{"type":"track","event":"Purchase","event_id":"1"` + fields + `}`
}

func TestEvents10AnswersAsDocumented(t *testing.T) {
	full := `,"context":{"ad":{"callback":"c"},"page":{"url":"https://a.b","referrer":"r"},"user":{"external_id":"` + mail + `","phone_number":"` +
		mail + `","email":"` + mail + `","ttp":"p"},"ip":"203.0.113.1","user_agent":"m"},"properties":{"contents":[{"content_id":"1","content_type":"product","price":1,"quantity":1}],"currency":"EUR","value":1,"query":"q"}`
	fifty := make([]string, 50)
	for i := range fifty {
		fifty[i] = strings.Replace(legacy(""), `"1"`, fmt.Sprintf(`"%d"`, i), 1)
	}
	cases := []struct {
		name, path, body string
		code             int
		message          string
	}{
		{"one event", "/pixel/track/", one(full), 0, "OK"},
		{"no pixel", "/pixel/track/", `{"event":"Purchase"}`, 40002, "Missing required field(s): pixel_code."},
		{"no event", "/pixel/track/", `{"pixel_code":"C"}`, 40002, "Missing required field(s): event."},
		{"a foreign pixel", "/pixel/track/", strings.Replace(one(""), DefaultPixel, "CX", 1), 40001, "No permission to operate pixel code: CX."},
		{"no timestamp", "/pixel/track/", strings.Replace(one(""), `,"timestamp":"2026-03-01T12:00:00Z"`, "", 1), 0, "OK"},
		{"a timestamp in seconds", "/pixel/track/", strings.Replace(one(""), `"2026-03-01T12:00:00Z"`, "1772366400", 1), 40002, "timestamp: Not a valid string"},
		{"a timestamp without a zone", "/pixel/track/", strings.Replace(one(""), `00Z"`, `00"`, 1), 40002, "timestamp: Not a valid datetime."},
		{"an old timestamp", "/pixel/track/", strings.Replace(one(""), "2026-03", "2026-01", 1), 40002, "timestamp: Must be within the last 28 days."},
		{"a clear phone", "/pixel/track/", one(`,"context":{"user":{"phone_number":"+1213"}}`), 40062, "context.user.phone_number: Not hashed."},
		{"a list of emails", "/pixel/track/", one(`,"context":{"user":{"email":["` + mail + `"]}}`), 40002, "context.user.email: Not a valid string"},
		{"a batch", "/pixel/batch/", batch(legacy(full)), 0, "OK"},
		{"a numeric content_id", "/pixel/batch/", batch(legacy(`,"properties":{"contents":[{"content_id":1}]}`)), 40002, "Batch.0.properties.contents.0.content_id: Not a valid string"},
		{"a missing event", "/pixel/batch/", batch(legacy(""), `{"type":"track"}`), 40002, "Missing required field(s): Batch.1.event."},
		{"an element without type", "/pixel/batch/", batch(strings.Replace(legacy(""), `"type":"track",`, "", 1)), 0, "OK"},
		{"another type", "/pixel/batch/", batch(strings.Replace(legacy(""), "track", "page", 1)), 40002, "Batch.0.type: Not a valid choice."},
		{"an empty batch", "/pixel/batch/", batch(), 40002, "Missing required field(s): batch."},
		{"50 events", "/pixel/batch/", batch(fifty...), 0, "OK"},
		{"51 events", "/pixel/batch/", batch(append(fifty, legacy(""))...), 40061, "Batch size exceeds the limit of 50."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			post(t, s, c.path, c.body).want(t, c.code, c.message)
			if n := len(s.Events()); (n > 0) != (c.code == 0) {
				t.Errorf("got %d events counted after code %d", n, c.code)
			}
			if n := s.Stats().Warnings[LegacyEndpoint]; n == 0 && c.code == 0 {
				t.Error("got no warning about the endpoint")
			}
		})
	}
}

func TestBothEventAPIsDeduplicateTogether(t *testing.T) {
	s := New(quiet())
	post(t, s, "/pixel/track/", one("")).want(t, 0)
	post(t, s, "/pixel/batch/", batch(legacy(""))).want(t, 0)
	post(t, s, "/event/track/", web(named("Purchase", "1"))).want(t, 0)
	if got := s.Stats().Events; got.Accepted != 1 || got.Duplicates != 2 {
		t.Errorf("got %+v, want one event and two duplicates", got)
	}
}

func TestPoisonWorksForEvents10(t *testing.T) {
	s := New(quiet())
	s.AddFault(Fault{ID: "1", Code: 40002, Message: "Batch.{i}.properties.value: Not a valid number"})
	post(t, s, "/pixel/batch/", batch(strings.Replace(legacy(""), `"1"`, `"0"`, 1), legacy(""))).want(t, 40002, "Batch.1.properties.value")
	post(t, s, "/pixel/track/", one("")).want(t, 40002, "Batch.0.")
}
