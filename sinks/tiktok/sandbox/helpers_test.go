package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// epoch is the time of most tests.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fixed() time.Time { return epoch }

const mail = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f" // alice_abc@gmail.com

// reply is an answer of the API.
type reply struct {
	Status    int
	Code      int             `json:"code"`
	Message   string          `json:"message"`
	RequestID string          `json:"request_id"`
	Data      json.RawMessage `json:"data"`
	Raw       string
}

func (r reply) String() string { return fmt.Sprintf("HTTP %d %s", r.Status, r.Raw) }

// send makes a request as a good client does and reads the answer.
func send(t *testing.T, s *Sandbox, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Access-Token", DefaultToken)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return do(t, s, r)
}

func do(t *testing.T, s *Sandbox, r *http.Request) reply {
	t.Helper()
	answer, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{Status: answer.StatusCode, Raw: string(raw)}
	_ = json.Unmarshal(raw, &got)
	return got
}

func post(t *testing.T, s *Sandbox, path, body string) reply {
	t.Helper()
	return send(t, s, http.MethodPost, base+path, body)
}

// want fails unless the answer has the code and its text holds all the parts.
func (r reply) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.Status != http.StatusOK || r.Code != code {
		t.Fatalf("got %s, want code %d", r, code)
	}
	for _, part := range parts {
		if !strings.Contains(r.Message, part) {
			t.Errorf("got message %q, want it to hold %q", r.Message, part)
		}
	}
}

// purchase is a good web event; extra is put in front of its fields and wins nothing: names must not repeat.
func purchase(id string, extra ...string) string {
	fields := append(extra,
		`"event":"Purchase"`, fmt.Sprintf(`"event_time":%d`, epoch.Unix()), fmt.Sprintf(`"event_id":%q`, id),
		`"user":{"email":"`+mail+`"}`, `"page":{"url":"https://shop.example/"}`)
	return "{" + strings.Join(fields, ",") + "}"
}

// web is a 2.0 call for the default pixel.
func web(events ...string) string {
	return `{"event_source":"web","event_source_id":"` + DefaultPixel + `","data":[` + strings.Join(events, ",") + `]}`
}

// quiet is a configuration with a fixed clock and no rate limits.
func quiet() Config { return Config{Now: fixed, Limits: NoLimits()} }
