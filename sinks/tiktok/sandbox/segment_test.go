package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// createSegment makes a Partner audience and returns its id.
func createSegment(t *testing.T, s *Sandbox, name string) string {
	t.Helper()
	got := post(t, s, "/segment/audience/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_name":%q}`, DefaultAdvertiser, name))
	got.want(t, 0)
	var data struct {
		ID string `json:"audience_id"`
	}
	if err := json.Unmarshal(got.Data, &data); err != nil || data.ID == "" {
		t.Fatalf("got %s, want an audience_id", got)
	}
	return data.ID
}

// id64 is a SHA-256 in hexadecimal, one for each n.
func id64(n int) string { return fmt.Sprintf("%064x", n) }

func elem(id, audience string) string {
	return fmt.Sprintf(`{"id":%q,"audience_ids":[%q]}`, id, audience)
}

// mapped is a mapping call with the schema EMAIL_SHA256 unless the rows say otherwise.
func mapped(action, schema string, rows ...string) string {
	return fmt.Sprintf(`{"advertiser_ids":[%q],"action":%q,"id_schema":%s,"batch_data":[%s]}`, DefaultAdvertiser, action, schema, strings.Join(rows, ","))
}

func TestSegmentAudiencesAreMadeAndDeleted(t *testing.T) {
	s := New(Config{Now: fixed, Limits: NoLimits(), Advertisers: []Advertiser{{ID: DefaultAdvertiser}, {ID: "2"}}})
	id := createSegment(t, s, "VIP")
	cases := []struct {
		name, body string
		code       int
		message    string
	}{
		{"create without name", `{"advertiser_id":"` + DefaultAdvertiser + `"}`, 40002, "Missing required field(s): custom_audience_name."},
		{"an empty name", `{"advertiser_id":"` + DefaultAdvertiser + `","custom_audience_name":""}`, 40002, "custom_audience_name: Field may not be blank."},
		{"without advertiser", `{"custom_audience_name":"a"}`, 40002, "Missing required field(s): advertiser_id."},
		{"a numeric advertiser", `{"advertiser_id":7,"custom_audience_name":"a"}`, 40002, "advertiser_id: Not a valid string"},
		{"an unknown advertiser", `{"advertiser_id":"9","custom_audience_name":"a"}`, 40001, "advertiser does not grant you /segment/"},
		{"another action", `{"advertiser_id":"` + DefaultAdvertiser + `","action":"update","custom_audience_name":"a"}`, 40002, "action: Not a valid choice."},
		{"delete without id", `{"advertiser_id":"` + DefaultAdvertiser + `","action":"delete"}`, 40002, "Missing required field(s): delete_audience_id."},
		{"delete an unknown one", `{"advertiser_id":"` + DefaultAdvertiser + `","action":"delete","delete_audience_id":"1"}`, 40007, "does not exist"},
		{"delete a foreign one", `{"advertiser_id":"2","action":"delete","delete_audience_id":"` + id + `"}`, 40001, "No permission to operate audience: " + id},
		{"delete it", `{"advertiser_id":"` + DefaultAdvertiser + `","action":"delete","delete_audience_id":"` + id + `"}`, 0, "OK"},
		{"delete it again", `{"advertiser_id":"` + DefaultAdvertiser + `","action":"delete","delete_audience_id":"` + id + `"}`, 40007, "does not exist"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { post(t, s, "/segment/audience/", c.body).want(t, c.code, c.message) })
	}
}

func TestLongSegmentNamesAreCut(t *testing.T) {
	s := New(quiet())
	long := strings.Repeat("é", 71)
	createSegment(t, s, long[:140])
	createSegment(t, s, long)
	got := s.Audiences()
	if want := strings.Repeat("é", 70); got[0].Name != want {
		t.Errorf("got %q, want all 70 letters", got[0].Name)
	}
	if want := strings.Repeat("é", 67) + "..."; got[1].Name != want {
		t.Errorf("got %q, want %q", got[1].Name, want)
	}
}

func TestAnAdvertiserHasAtMost400Audiences(t *testing.T) {
	s := New(quiet())
	for i := range 400 {
		createSegment(t, s, fmt.Sprint(i))
	}
	body := `{"advertiser_id":"` + DefaultAdvertiser + `","custom_audience_name":"one more"}`
	post(t, s, "/segment/audience/", body).want(t, 40002, "The number of audiences has reached the limit of 400.")
	post(t, s, "/segment/audience/", `{"advertiser_id":"`+DefaultAdvertiser+`","action":"delete","delete_audience_id":"`+s.Audiences()[0].ID+`"}`).want(t, 0)
	post(t, s, "/segment/audience/", body).want(t, 0)
}

func TestMappingAnswersAsDocumented(t *testing.T) {
	s := New(Config{Now: fixed, Limits: NoLimits(), Advertisers: []Advertiser{
		{ID: DefaultAdvertiser, Business: "a"}, {ID: "2", Business: "a"}, {ID: "3", Business: "b"},
	}})
	id := createSegment(t, s, "VIP")
	file := createFile(t, s, 1000)
	email := `["EMAIL_SHA256"]`
	row := "[" + elem(id64(1), id) + "]"
	advertisers := func(json string) string {
		return strings.Replace(mapped("add", email, row), `["`+DefaultAdvertiser+`"]`, json, 1)
	}
	crowd := func(n int) []string {
		rows := make([]string, n)
		for i := range rows {
			rows[i] = "[" + elem(id64(i), id) + "]"
		}
		return rows
	}
	cases := []struct {
		name, body string
		code       int
		message    string
	}{
		{"a good call", mapped("add", email, row), 0, "OK"},
		{"a delete", mapped("delete", email, row), 0, "OK"},
		{"no action", strings.Replace(mapped("add", email, row), `"action":"add",`, "", 1), 0, "OK"},
		{"another action", mapped("set", email, row), 40002, "action: Not a valid choice."},
		{"a lower-case schema", mapped("add", `["email_sha256"]`, row), 0, "OK"},
		{"an upper-case hash", mapped("add", email, "["+elem(strings.ToUpper(mail), id)+"]"), 0, "OK"},
		{"an md5", mapped("add", `["AAID_MD5"]`, "["+elem(id64(1)[:32], id)+"]"), 0, "OK"},
		{"nothing", `{}`, 40002, "Missing required field(s): advertiser_ids, batch_data, id_schema."},
		{"no advertisers", advertisers("[]"), 40002, "advertiser_ids: Shorter than minimum length 1."},
		{"numeric advertisers", advertisers("[7]"), 40002, "advertiser_ids.0: Not a valid string"},
		{"an unknown advertiser", advertisers(`["9"]`), 40001, "advertiser does not grant you /segment/"},
		{"two advertisers of one business", advertisers(`["` + DefaultAdvertiser + `","2"]`), 0, "OK"},
		{"two businesses", advertisers(`["` + DefaultAdvertiser + `","3"]`), 40001, "same Business account"},
		{"another advertiser's audience", advertisers(`["2"]`), 40001, "No permission to operate audience: " + id},
		{"an empty schema", mapped("add", "[]", row), 40002, "id_schema: Shorter than minimum length 1."},
		{"an unknown type", mapped("add", `["GAID_SHA256"]`, row), 40002, "id_schema: Not a valid choice."},
		{"a type twice", mapped("add", `["EMAIL_SHA256","email_sha256"]`, "["+elem(id64(1), id)+",{}]"), 40002, "id_schema: Duplicate identifier types."},
		{"no rows", mapped("add", email), 40002, "Missing required field(s): batch_data."},
		{"a row that is too short", mapped("add", `["EMAIL_SHA256","AAID_SHA256"]`, row), 40002, "batch_data.0: length must equal id_schema."},
		{"a row that is too long", mapped("add", email, row, "["+elem(id64(1), id)+",{}]"), 40002, "batch_data.1: length must equal id_schema."},
		{"a row that is not a list", mapped("add", email, "{}"), 40002, "batch_data.0: Not a valid list"},
		{"an element that is not an object", mapped("add", email, `["x"]`), 40002, "batch_data.0.0: Not a valid object"},
		{"an element without audiences", mapped("add", email, `[{"id":"`+id64(1)+`"}]`), 40002, "batch_data.0.0: must be {} or have id and audience_ids."},
		{"an element without id", mapped("add", email, `[{"audience_ids":["`+id+`"]}]`), 40002, "batch_data.0.0: must be {} or have id and audience_ids."},
		{"a null element", mapped("add", email, `[null]`), 40002, "batch_data.0.0: Not a valid object"},
		{"a row of empty objects", mapped("add", `["EMAIL_SHA256","AAID_SHA256"]`, "["+elem(id64(1), id)+",{}]", "[{},{}]"), 40002, "batch_data.1: at least one identifier is required."},
		{"a clear email", mapped("add", email, "["+elem("a@b.com", id)+"]"), 40062, "batch_data.0.0.id: Not hashed."},
		{"an md5 for a sha256", mapped("add", email, "["+elem(id64(1)[:32], id)+"]"), 40062, "batch_data.0.0.id: Not hashed."},
		{"a sha256 for an md5", mapped("add", `["IDFA_MD5"]`, row), 40062, "batch_data.0.0.id: Not hashed."},
		{"a numeric id", mapped("add", email, `[{"id":1,"audience_ids":["`+id+`"]}]`), 40002, "batch_data.0.0.id: Not a valid string"},
		{"no audience", mapped("add", email, `[{"id":"`+id64(1)+`","audience_ids":[]}]`), 40002, "batch_data.0.0.audience_ids: Shorter than minimum length 1."},
		{"a numeric audience", mapped("add", email, `[{"id":"`+id64(1)+`","audience_ids":[1]}]`), 40002, "batch_data.0.0.audience_ids.0: Not a valid string"},
		{"an unknown audience", mapped("add", email, row, "["+elem(id64(1), "1")+"]"), 40002, "batch_data.1.0.audience_ids: Audience does not exist."},
		{"a file audience", mapped("add", email, "["+elem(id64(1), file)+"]"), 40002, "batch_data.0.0.audience_ids: Not a Partner audience."},
		{"10,000 users", mapped("add", email, crowd(10_000)...), 0, "OK"},
		{"10,001 users", mapped("add", email, crowd(10_001)...), 40061, "Batch size exceeds the limit of 10000."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { post(t, s, "/segment/mapping/", c.body).want(t, c.code, c.message) })
	}
}

func TestMembersAreSetsByTypeOfIdentifier(t *testing.T) {
	s := New(quiet())
	a, b := createSegment(t, s, "a"), createSegment(t, s, "b")
	schema := `["EMAIL_SHA256","AAID_MD5"]`
	md5 := id64(7)[32:]
	both := fmt.Sprintf(`{"id":%q,"audience_ids":[%q,%q]}`, id64(1), a, b)
	post(t, s, "/segment/mapping/", mapped("add", schema, "["+both+","+elem(md5, a)+"]", "["+elem(id64(2), a)+",{}]")).want(t, 0)
	post(t, s, "/segment/mapping/", mapped("add", schema, "["+both+",{}]")).want(t, 0)
	post(t, s, "/segment/mapping/", mapped("delete", `["EMAIL_SHA256"]`, "["+elem(id64(2), a)+"]", "["+elem(id64(3), a)+"]")).want(t, 0)
	if got, want := fmt.Sprint(s.Members(a)), fmt.Sprint(map[string][]string{"EMAIL_SHA256": {id64(1)}, "AAID_MD5": {md5}}); got != want {
		t.Errorf("got members %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(s.Members(b)), fmt.Sprint(map[string][]string{"EMAIL_SHA256": {id64(1)}}); got != want {
		t.Errorf("got members %s, want %s", got, want)
	}
	if got := s.Audiences()[0]; got.Added != 3 || got.Removed != 1 || got.Idle != 2 || got.Members != 2 {
		t.Errorf("got %+v, want 3 added, 1 removed, 2 idle, 2 members", got)
	}
	if s.Members("1") != nil {
		t.Error("got members of an unknown audience")
	}
}

func TestARefusedMappingChangesNothing(t *testing.T) {
	s := New(quiet())
	id := createSegment(t, s, "a")
	post(t, s, "/segment/mapping/", mapped("add", `["EMAIL_SHA256"]`, "["+elem(id64(1), id)+"]", "["+elem(id64(2), "1")+"]")).want(t, 40002)
	s.AddFault(Fault{IDPrefix: id64(3), Code: 40002, Message: "batch_data.{i}: no"})
	post(t, s, "/segment/mapping/", mapped("add", `["EMAIL_SHA256"]`, "["+elem(id64(1), id)+"]", "["+elem(id64(3), id)+"]")).want(t, 40002, "batch_data.1: no")
	if got := s.Audiences()[0].Members; got != 0 {
		t.Errorf("got %d members, want none", got)
	}
}

func TestASegmentShowsItsSizeLaterAndWorksFromAThousand(t *testing.T) {
	cfg := quiet()
	cfg.SegmentDelay = 24 * time.Hour
	s := New(cfg)
	id := createSegment(t, s, "a")
	add := func(from, to int) {
		var rows []string
		for i := from; i < to; i++ {
			rows = append(rows, "["+elem(id64(i), id)+"]")
		}
		post(t, s, "/segment/mapping/", mapped("add", `["EMAIL_SHA256"]`, rows...)).want(t, 0)
	}
	see := func(when string, cover int, valid bool) {
		t.Helper()
		if got := s.Audiences()[0]; got.Cover != cover || got.Valid != valid {
			t.Errorf("%s: got cover %d, valid %v, want %d, %v", when, got.Cover, got.Valid, cover, valid)
		}
	}
	add(0, 999)
	see("at once", 0, false)
	s.Advance(24 * time.Hour)
	see("a day later", 999, false)
	add(999, 1000)
	see("after one more", 999, false)
	s.Advance(24 * time.Hour)
	see("two days later", 1000, true)
	s.Advance(365 * 24 * time.Hour)
	see("a year later", 1000, false)
}

func TestAddAndDeleteOfOneMemberUnderWayTogetherAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Limits: NoLimits()})
		id := createSegment(t, s, "a")
		s.AddFault(Fault{Endpoint: "/segment/mapping/", Delay: time.Second})
		call := func(action string, n int) {
			post(t, s, "/segment/mapping/", mapped(action, `["EMAIL_SHA256"]`, "["+elem(id64(n), id)+"]"))
		}
		call("add", 1)
		call("delete", 1)
		var calls sync.WaitGroup
		calls.Go(func() { call("add", 1) })
		calls.Go(func() { call("delete", 2) })
		synctest.Wait()
		if n := s.Stats().Warnings[InFlight]; n != 0 {
			t.Errorf("got %d conflicts of different members, want none", n)
		}
		calls.Go(func() { call("delete", 1) })
		synctest.Wait()
		if n := s.Stats().Warnings[InFlight]; n != 1 {
			t.Errorf("got %d conflicts, want 1", n)
		}
		calls.Wait()
		if n := len(s.races.by); n != 0 {
			t.Errorf("got %d members under way at the end, want none", n)
		}
	})
}
