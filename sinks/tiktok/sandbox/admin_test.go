package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func admin(t *testing.T, s *Sandbox, method, path, body string) reply {
	t.Helper()
	return send(t, s, method, "/sandbox/"+path, body, "Access-Token", "", "Content-Type", "")
}

func TestTheViewShowsWhatHappened(t *testing.T) {
	s := New(quiet())
	post(t, s, "/event/track/", web(named("Purchase", "1"), named("Purchase", "1"), named("Search", "2"))).want(t, 0)
	post(t, s, "/event/track/", web(prop("value", `"x"`))).want(t, 40002)
	post(t, s, "/event/track/", web(ev(), prop("value", `"x"`))).want(t, 40002)
	segment := createSegment(t, s, "VIP")
	post(t, s, "/segment/mapping/", mapped("add", `["EMAIL_SHA256"]`, "["+elem(id64(1), segment)+"]")).want(t, 0)
	var state State
	if err := json.Unmarshal([]byte(admin(t, s, "GET", "state", "").Raw), &state); err != nil {
		t.Fatal(err)
	}
	want := []Refusal{{"/event/track/", 40002, "Invalid value for value: not a valid number.", 2}}
	if fmt.Sprint(state.Refusals) != fmt.Sprint(want) {
		t.Errorf("got refusals %v, want %v", state.Refusals, want)
	}
	if state.Events.Accepted != 2 || state.Events.Duplicates != 1 || state.Calls != 5 || state.Audiences[0].Members != 1 {
		t.Errorf("got %+v, want 2 events, 1 duplicate, 5 calls, 1 member", state)
	}
	if got := admin(t, s, "GET", "audiences/"+segment+"/members", "").Raw; got != `{"EMAIL_SHA256":["`+id64(1)+`"]}` {
		t.Errorf("got members %s", got)
	}
	if got := admin(t, s, "GET", "audiences/1/members", ""); got.Status != 404 {
		t.Errorf("got %s, want 404", got)
	}
	page := admin(t, s, "GET", "", "")
	if page.Status != 200 || !strings.Contains(page.Raw, "<title>TikTok sandbox</title>") || strings.Contains(page.Raw, "://") {
		t.Errorf("got HTTP %d, want the page without outside resources", page.Status)
	}
}

func TestTheViewListsEventsAndCalls(t *testing.T) {
	s := New(quiet())
	for i := range 5 {
		post(t, s, "/event/track/", web(named("Purchase", fmt.Sprint(i)))).want(t, 0)
	}
	post(t, s, "/event/track/", strings.Replace(web(named("Purchase", "t")), "{", `{"test_event_code":"T",`, 1)).want(t, 0)
	cases := []struct{ path, want string }{
		{"events", "01234"}, {"events?limit=2", "34"}, {"events?limit=all", "01234"}, {"events?from=1&limit=2", "12"},
		{"events?from=4&limit=9", "4"}, {"events?from=9", ""}, {"events?limit=0", ""}, {"events?test=true", "t"},
	}
	for _, c := range cases {
		var got strings.Builder
		for line := range strings.Lines(admin(t, s, "GET", c.path, "").Raw) {
			var e struct {
				ID   string         `json:"event_id"`
				Body map[string]any `json:"body"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Body["event_id"] != e.ID {
				t.Fatalf("%s: got %s: %v", c.path, line, err)
			}
			got.WriteString(e.ID)
		}
		if got.String() != c.want {
			t.Errorf("%s: got %q, want %q", c.path, got.String(), c.want)
		}
	}
	if got := admin(t, s, "GET", "events?limit=x", ""); got.Status != 400 {
		t.Errorf("got %s, want 400", got)
	}
	for path, want := range map[string]int{"calls": 6, "calls?limit=2": 2, "calls?limit=all&bodies=true": 6} {
		raw := admin(t, s, "GET", path, "").Raw
		if got := strings.Count(raw, "\n"); got != want || strings.Contains(raw, "event_source") != strings.Contains(path, "bodies") {
			t.Errorf("%s: got %d lines: %s, want %d", path, got, raw, want)
		}
	}
}

func TestTheViewTakesOrders(t *testing.T) {
	s := New(quiet())
	code := func(want int) { t.Helper(); post(t, s, "/event/track/", web(ev())).want(t, want) }
	order := func(method, path, body string, status int) string {
		t.Helper()
		got := admin(t, s, method, path, body)
		if got.Status != status {
			t.Fatalf("%s %s: got %s, want HTTP %d", method, path, got, status)
		}
		return got.Raw
	}
	if got := order("POST", "faults", `{"endpoint":"/event/track/","code":50000,"count":1}`, 200); got != `{"id":1}` {
		t.Errorf("got %s, want the id", got)
	}
	code(50000)
	code(0)
	if got := order("GET", "faults", "", 200); got != `[{"id":1,"fault":{"endpoint":"/event/track/","stage":"before","count":1,"code":50000},"matched":2,"fired":1}]` {
		t.Errorf("got %s", got)
	}
	order("POST", "faults", `{"code":40100,"delay":"1ms"}`, 200)
	code(40100)
	order("DELETE", "faults/2", "", 200)
	order("DELETE", "faults/2", "", 404)
	code(0)
	order("POST", "faults", `{"code":60001}`, 200)
	order("DELETE", "faults", "", 200)
	code(0)
	order("POST", "faults", `{"kode":1}`, 400)
	order("POST", "tokens/revoke", `{"token":"`+DefaultToken+`"}`, 200)
	order("POST", "tokens/revoke", `{"token":"`+DefaultToken+`"}`, 400)
	code(40105)
	order("POST", "tokens", `{"token":"`+DefaultToken+`"}`, 200)
	order("POST", "tokens", `{}`, 400)
	code(0)
	order("POST", "tokens/revoke", `{"all":true}`, 200)
	code(40105)
	order("POST", "reset", "", 200)
	code(0)
	if got := s.Stats().Events.Accepted; got != 1 {
		t.Errorf("got %d events after the reset, want 1", got)
	}
	if got := order("POST", "clock", `{"advance":"48h"}`, 200); got != `{"now":"2026-03-03T12:00:00Z"}` {
		t.Errorf("got %s, want the time two days later", got)
	}
	order("POST", "clock", `{"advance":"-1h"}`, 400)
	order("POST", "clock", `{"advance":"soon"}`, 400)
	order("PUT", "faults", "", 405)
	order("GET", "nothing", "", 404)
}

func TestOtherSitesCannotGiveOrders(t *testing.T) {
	s := New(quiet())
	r, _ := http.NewRequest(http.MethodPost, "http://sandbox/sandbox/reset", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := do(t, s, r); got.Status != http.StatusForbidden {
		t.Errorf("got %s, want 403", got)
	}
}
