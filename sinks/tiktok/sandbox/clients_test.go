package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clientCase is a request as a client of others shapes it, and what TikTok's documents say of it. $SEGMENT, $AUDIENCE and $FILE are a
// Partner audience, a file audience and an uploaded file.
type clientCase struct {
	Client   string            `json:"client"`
	Sheet    string            `json:"sheet"` // where the answer is documented
	Call     string            `json:"call"`
	Headers  map[string]string `json:"headers"`
	Query    map[string]string `json:"query"`
	Body     json.RawMessage   `json:"body"`
	Code     int               `json:"code"`
	Message  string            `json:"message"`
	Warnings []Warning         `json:"warnings"`
	Counted  *int64            `json:"counted"`
}

// TestRequestsOfOtherClientsAreAnsweredAsDocumented is a second opinion: neither these requests nor their answers come from our client.
func TestRequestsOfOtherClientsAreAnsweredAsDocumented(t *testing.T) {
	paths, err := filepath.Glob("testdata/clients/*.json")
	if err != nil || len(paths) < 60 {
		t.Fatalf("got %d cases, want sixty or more: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			s := New(quiet())
			names := strings.NewReplacer("$SEGMENT", createSegment(t, s, "s"), "$AUDIENCE", createFile(t, s, 1000), "$FILE", uploadIDs(t, s, 500, 1000))
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c clientCase
			decoder := json.NewDecoder(strings.NewReader(names.Replace(string(text))))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&c); err != nil || c.Client == "" || c.Sheet == "" {
				t.Fatalf("read case: %v", err)
			}
			c.wanted(t, s, c.sent(t, s))
		})
	}
}

func (c clientCase) sent(t *testing.T, s *Sandbox) reply {
	method, path, _ := strings.Cut(c.Call, " ")
	query := url.Values{}
	for k, v := range c.Query {
		query.Set(k, v)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var headers []string
	for k, v := range c.Headers {
		headers = append(headers, k, v)
	}
	return send(t, s, method, base+path, string(bytes.TrimSpace(c.Body)), headers...)
}

func (c clientCase) wanted(t *testing.T, s *Sandbox, got reply) {
	t.Helper()
	if got.Status != 200 || got.Code != c.Code || got.Message != c.Message {
		t.Errorf("got %s, want %d %q", got, c.Code, c.Message)
	}
	stats := s.Stats()
	if warned := slices.Sorted(maps.Keys(stats.Warnings)); !slices.Equal(warned, c.Warnings) {
		t.Errorf("got warnings %v, want %v", warned, c.Warnings)
	}
	if c.Counted != nil && stats.Events.Accepted != *c.Counted {
		t.Errorf("got %d events counted, want %d", stats.Events.Accepted, *c.Counted)
	}
}
