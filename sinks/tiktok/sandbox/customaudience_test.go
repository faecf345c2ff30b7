package sandbox

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const files = "/dmp/custom_audience/"

// ids is a file of n hashed ids, starting at a number.
func ids(first, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(id64(first + i))
		b.WriteByte('\n')
	}
	return b.String()
}

// uploadCall sends a file; parts replace the usual ones, an empty one is left out.
func uploadCall(t *testing.T, s *Sandbox, name, content string, parts map[string]string) reply {
	t.Helper()
	all := map[string]string{
		"advertiser_id": DefaultAdvertiser, "calculate_type": "EMAIL_SHA256", "file_signature": fmt.Sprintf("%x", md5.Sum([]byte(content))),
	}
	maps.Copy(all, parts)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if name != "" {
		file, _ := w.CreateFormFile("file", name)
		_, _ = file.Write([]byte(content))
	}
	for k, v := range all {
		if v != "" {
			_ = w.WriteField(k, v)
		}
	}
	w.Close()
	return send(t, s, http.MethodPost, base+files+"file/upload/", form.String(), "Content-Type", w.FormDataContentType())
}

func datum(t *testing.T, r reply, name string) string {
	t.Helper()
	r.want(t, 0)
	var data map[string]string
	if err := json.Unmarshal(r.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data[name]
}

func uploadIDs(t *testing.T, s *Sandbox, first, n int) string {
	t.Helper()
	return datum(t, uploadCall(t, s, "ids.csv", ids(first, n), nil), "file_path")
}

func create(t *testing.T, s *Sandbox, path string) reply {
	t.Helper()
	return post(t, s, files+"create/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_name":"a","file_paths":[%q],"calculate_type":"EMAIL_SHA256"}`, DefaultAdvertiser, path))
}

// createFile makes a file audience of n members.
func createFile(t *testing.T, s *Sandbox, n int) string {
	t.Helper()
	return datum(t, create(t, s, uploadIDs(t, s, 0, n)), "custom_audience_id")
}

func update(t *testing.T, s *Sandbox, id, action string, paths ...string) reply {
	t.Helper()
	list, _ := json.Marshal(paths)
	return post(t, s, files+"update/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_id":%q,"file_paths":%s,"action":%q}`, DefaultAdvertiser, id, list, action))
}

func TestUploadsAreJudgedByTheirContent(t *testing.T) {
	good := ids(0, 3)
	line, md := strings.TrimSuffix(ids(1, 1), "\n"), id64(1)[:32]
	kind := func(k string) map[string]string { return map[string]string{"calculate_type": k} }
	cases := []struct {
		name, file, content string
		parts               map[string]string
		code                int
		message             string
	}{
		{"a csv", "a.csv", good, nil, 0, "OK"},
		{"a txt", "a.txt", good, nil, 0, "OK"},
		{"no last line end", "a.csv", line, nil, 0, "OK"},
		{"windows line ends", "a.csv", line + "\r\n" + line + "\r\n", nil, 0, "OK"},
		{"upper-case hashes", "a.csv", strings.ToUpper(mail), nil, 0, "OK"},
		{"another suffix", "a.json", good, nil, 40908, "not supported"},
		{"an upper-case suffix", "a.CSV", good, nil, 40908, "not supported"},
		{"a compressed file", "a.csv.gz", good, nil, 40908, "not supported"},
		{"an empty file", "a.csv", "", nil, 40906, "empty"},
		{"a wrong signature", "a.csv", good, map[string]string{"file_signature": md}, 40900, "signature"},
		{"no signature", "a.csv", good, map[string]string{"file_signature": ""}, 40002, "Missing required field(s): file_signature."},
		{"no file", "", good, nil, 40002, "Missing required field(s): file."},
		{"no advertiser", "a.csv", good, map[string]string{"advertiser_id": ""}, 40002, "Missing required field(s): advertiser_id."},
		{"an unknown advertiser", "a.csv", good, map[string]string{"advertiser_id": "9"}, 40001, "advertiser does not grant you /dmp/custom_audience/"},
		{"no type", "a.csv", good, kind(""), 40002, "Missing required field(s): calculate_type."},
		{"an unknown type", "a.csv", good, kind("AAID_SHA256"), 40909, "calculate_type"},
		{"the retired raw type", "a.csv", good, kind("FIRST_NORMAL"), 40909, "calculate_type"},
		{"a header", "a.csv", "email_SHA256\n" + good, nil, 40915, "line 1."},
		{"a clear email", "a.csv", good + "a@b.com\n", nil, 40915, "line 4."},
		{"an empty line", "a.csv", good + "\n" + good, nil, 40915, "line 4."},
		{"two columns", "a.csv", line + "," + line, nil, 40915, "line 1."},
		{"md5 in a sha256 file", "a.csv", md, kind("GAID_SHA256"), 40915, "line 1."},
		{"md5", "a.csv", md, kind("GAID_MD5"), 0, "OK"},
		{"sha256 in an md5 file", "a.csv", line, kind("IDFA_MD5"), 40915, "line 1."},
		{"mixed device ids", "a.csv", md, kind("FIRST_MD5"), 0, "OK"},
		{"a table", "a.csv", "email_SHA256,phone_sha256,MAID\n" + line + ",,\n," + line + ",5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25\n", kind("MULTIPLE_TYPES"), 0, "OK"},
		{"a ragged table", "a.csv", "email_SHA256,phone_sha256\n" + line + "\n", kind("MULTIPLE_TYPES"), 40915, "line 2."},
		{"a table without a header", "a.csv", line + "," + line + "\n", kind("MULTIPLE_TYPES"), 40915, "line 1."},
		{"a table of a header", "a.csv", "email_SHA256\n", kind("MULTIPLE_TYPES"), 40915, "line 1."},
		{"a table with an empty row", "a.csv", "email_SHA256,phone_sha256\n,\n", kind("MULTIPLE_TYPES"), 40915, "line 2."},
		{"a header three times", "a.csv", "MAID_MD5,maid_md5,MAID_MD5\n" + md + ",,\n", kind("MULTIPLE_TYPES"), 0, "OK"},
		{"a header four times", "a.csv", "MAID_MD5,maid_md5,MAID_MD5,MAID_MD5\n" + md + ",,,\n", kind("MULTIPLE_TYPES"), 40915, "line 1."},
		{"a raw device id in both cases", "a.csv", "MAID\n5F3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25\n", kind("MULTIPLE_TYPES"), 40915, "line 2."},
		{"a wrong id in a table", "a.csv", "MAID_MD5\nxyz\n", kind("MULTIPLE_TYPES"), 40915, "line 2."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			got := uploadCall(t, s, c.file, c.content, c.parts)
			got.want(t, c.code, c.message)
			if n := len(s.Uploads()); (n == 1) != (c.code == 0) {
				t.Errorf("got %d uploads after code %d", n, c.code)
			}
			if c.code == 0 && len(datum(t, got, "file_path")) != 16 {
				t.Errorf("got %s, want a path of 16 characters", got)
			}
		})
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	cfg := quiet()
	cfg.MaxFile = int64(len(ids(0, 2)))
	s := New(cfg)
	uploadCall(t, s, "a.csv", ids(0, 2), nil).want(t, 0)
	uploadCall(t, s, "a.csv", ids(0, 3), nil).want(t, 40907, "too large")
}

func TestABrokenFormIsRefused(t *testing.T) {
	send(t, New(quiet()), "POST", base+files+"file/upload/", "x", "Content-Type", "multipart/form-data").want(t, 40002, "multipart")
	send(t, New(quiet()), "POST", base+files+"file/upload/", "x", "Content-Type", "multipart/form-data; boundary=b").want(t, 40002, "Missing required field(s)")
	send(t, New(quiet()), "POST", base+files+"file/upload/", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nabc", "Content-Type", "multipart/form-data; boundary=b").want(t, 40002, "multipart")
}

func TestAnUploadIsCounted(t *testing.T) {
	s := New(quiet())
	path := datum(t, uploadCall(t, s, "a.txt", ids(0, 3)+ids(0, 2), nil), "file_path")
	got := s.Uploads()[0]
	want := Upload{Path: path, Advertiser: DefaultAdvertiser, Type: "EMAIL_SHA256", Name: "a.txt", Bytes: 5 * 65, Lines: 5, Distinct: 3, Arrived: epoch}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if call := s.Calls()[0]; call.Rows != 5 || call.Bytes != 5*65 {
		t.Errorf("got %+v, want 5 rows and 325 bytes", call)
	}
}

func TestCreateAnswersAsDocumented(t *testing.T) {
	s := New(Config{Now: fixed, Limits: NoLimits(), Advertisers: []Advertiser{{ID: DefaultAdvertiser}, {ID: "2"}}})
	path := uploadIDs(t, s, 0, 1000)
	foreign := datum(t, uploadCall(t, s, "a.csv", ids(0, 1), map[string]string{"advertiser_id": "2"}), "file_path")
	table := datum(t, uploadCall(t, s, "a.csv", "MAID_MD5\n"+id64(1)[:32], map[string]string{"calculate_type": "MULTIPLE_TYPES"}), "file_path")
	body := func(replace ...string) string {
		all := fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_name":"a","file_paths":[%q],"calculate_type":"EMAIL_SHA256"}`, DefaultAdvertiser, path)
		return strings.NewReplacer(replace...).Replace(all)
	}
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	paths := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"`+path+`",`, n), ",") + "]" }
	cases := []struct {
		name, body string
		code       int
		message    string
	}{
		{"a good call", body(), 0, "OK"},
		{"all fields", body(`"calculate_type"`, `"audience_sub_type":"REACH_FREQUENCY","retention_in_days":30,"audience_enhancement":false,"calculate_type"`), 0, "OK"},
		{"nothing", "{}", 40002, "Missing required field(s): advertiser_id, calculate_type, custom_audience_name, file_paths."},
		{"an empty name", body(`"a"`, `""`), 40002, "custom_audience_name: Length must be between 1 and 128."},
		{"a name of 128 letters", body(`"a"`, long(128)), 0, "OK"},
		{"a name of 129 letters", body(`"a"`, long(129)), 40002, "custom_audience_name: Length must be between 1 and 128."},
		{"no paths", body(`["`+path+`"]`, "[]"), 40002, "file_paths: Length must be between 1 and 500."},
		{"501 paths", body(`["`+path+`"]`, paths(501)), 40002, "file_paths: Length must be between 1 and 500."},
		{"500 paths", body(`["`+path+`"]`, paths(500)), 0, "OK"},
		{"a short path", body(path, "abc"), 40002, "file_paths.0: Length must be 16."},
		{"an unknown path", body(path, "0123456789abcdef"), 40905, "does not exist"},
		{"a foreign path", body(path, foreign), 40905, "does not exist"},
		{"another type than the file's", body("EMAIL", "PHONE"), 40909, "does not match"},
		{"a table as a list", body(path, table), 40909, "does not match"},
		{"an unknown type", body("EMAIL", "AAID"), 40909, "not supported"},
		{"the MAID type", body("EMAIL", "MAID"), 40909, "not supported"},
		{"a retention of 0", body(`"calculate_type"`, `"retention_in_days":0,"calculate_type"`), 40002, "retention_in_days: Must be between 1 and 365."},
		{"a retention of 366", body(`"calculate_type"`, `"retention_in_days":366,"calculate_type"`), 40002, "retention_in_days: Must be between 1 and 365."},
		{"a retention as string", body(`"calculate_type"`, `"retention_in_days":"3","calculate_type"`), 40002, "retention_in_days: Not a valid integer"},
		{"another sub type", body(`"calculate_type"`, `"audience_sub_type":"X","calculate_type"`), 40002, "audience_sub_type: Not a valid choice."},
		{"an unknown advertiser", body(DefaultAdvertiser, "9"), 40001, "advertiser does not grant you /dmp/custom_audience/"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { post(t, s, files+"create/", c.body).want(t, c.code, c.message) })
	}
}

func TestAFileCanBeUsedForADay(t *testing.T) {
	s := New(quiet())
	path := uploadIDs(t, s, 0, 1000)
	s.Advance(24*time.Hour - time.Second)
	create(t, s, path).want(t, 0)
	s.Advance(time.Second)
	create(t, s, path).want(t, 40910, "expired")
	if got := s.Uploads()[0]; !got.Expired || got.Used != 1 {
		t.Errorf("got %+v, want it expired and used once", got)
	}
}

func TestAnAudienceIsProcessedBeforeItCanBeUsed(t *testing.T) {
	cases := []struct {
		name    string
		members int
		rate    float64
		valid   bool
		cover   int
	}{
		{"enough members", 1000, 0, true, 1000},
		{"half of them known", 2000, 0.5, true, 1000},
		{"too few", 999, 0, false, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := quiet()
			cfg.Processing, cfg.MatchRate = 48*time.Hour, c.rate
			s := New(cfg)
			id := createFile(t, s, c.members)
			s.Advance(48*time.Hour - time.Second)
			if got := s.Audiences()[0]; !got.Processing || got.Valid || got.Cover != 0 {
				t.Errorf("got %+v, want it processing", got)
			}
			update(t, s, id, "APPEND", uploadIDs(t, s, 5000, 10)).want(t, 40002, "Audience is not editable, please check audience status")
			s.Advance(time.Second)
			if got := s.Audiences()[0]; got.Processing || got.Valid != c.valid || got.Cover != c.cover || (got.Failure == "") != c.valid {
				t.Errorf("got %+v, want valid %v and cover %d", got, c.valid, c.cover)
			}
			if c.valid {
				return
			}
			update(t, s, id, "REPLACE", uploadIDs(t, s, 0, 5000)).want(t, 40002, "Audience is not editable, please check audience status")
		})
	}
}

func TestUpdatesChangeTheContent(t *testing.T) {
	cases := []struct {
		name, action string
		first, n     int
		want         int
		failed       bool
	}{
		{"replace", "REPLACE", 500, 1200, 1200, false},
		{"append", "APPEND", 1500, 700, 2200, false},
		{"remove", "REMOVE", 0, 500, 1000, false},
		{"replace by too few", "REPLACE", 0, 999, 1500, true},
		{"remove too many", "REMOVE", 0, 501, 1500, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(quiet())
			id := createFile(t, s, 1500)
			update(t, s, id, c.action, uploadIDs(t, s, c.first, c.n)).want(t, 0)
			got := s.Audiences()[0]
			if got.Members != c.want || !got.Valid || (got.Failure != "") != c.failed {
				t.Errorf("got %+v, want %d members, failed %v", got, c.want, c.failed)
			}
			last := got.History[len(got.History)-1]
			if last.Action != c.action || last.Editor != "open_api" || !last.Time.Equal(epoch) || (last.Msg != "") != c.failed {
				t.Errorf("got history %+v, want %s by open_api", last, c.action)
			}
		})
	}
}

func TestAReplaceTakesAllItsFiles(t *testing.T) {
	s := New(quiet())
	id := createFile(t, s, 1000)
	update(t, s, id, "REPLACE", uploadIDs(t, s, 2000, 600), uploadIDs(t, s, 2500, 600)).want(t, 0)
	members := s.Members(id)["EMAIL_SHA256"]
	if len(members) != 1100 || members[0] != id64(2000) || members[1099] != id64(3099) {
		t.Errorf("got %d members, want 2000 to 3099", len(members))
	}
}

func TestOneReplaceADay(t *testing.T) {
	cfg := quiet()
	cfg.Processing = 2 * time.Hour
	s := New(cfg)
	id := createFile(t, s, 1000)
	s.Advance(2 * time.Hour)
	step := func(after time.Duration, action string, code int, message string) {
		t.Helper()
		s.Advance(after)
		update(t, s, id, action, uploadIDs(t, s, 0, 1500)).want(t, code, message)
	}
	step(0, "REPLACE", 0, "OK")
	step(time.Hour, "REPLACE", 40002, "existing unfinished replace operation")
	step(0, "APPEND", 40002, "Audience is not editable")
	step(time.Hour, "REPLACE", 40002, "Recommend no more than one replace operation per day.")
	step(0, "APPEND", 0, "OK")
	step(22*time.Hour-time.Second, "REPLACE", 40002, "existing unfinished replace operation")
	step(time.Second, "REPLACE", 0, "OK")

	cfg.AllowFastReplace, cfg.Processing = true, 0
	s = New(cfg)
	id = createFile(t, s, 1000)
	step(0, "REPLACE", 0, "OK")
	step(0, "REPLACE", 0, "OK")
}

func TestUpdateAnswersAsDocumented(t *testing.T) {
	s := New(Config{Now: fixed, Limits: NoLimits(), Advertisers: []Advertiser{{ID: DefaultAdvertiser}, {ID: "2"}}})
	id, segment := createFile(t, s, 1000), createSegment(t, s, "s")
	path := uploadIDs(t, s, 0, 1000)
	phones := datum(t, uploadCall(t, s, "a.csv", ids(0, 1000), map[string]string{"calculate_type": "PHONE_SHA256"}), "file_path")
	body := func(id, fields string) string {
		return fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_id":%q%s}`, DefaultAdvertiser, id, fields)
	}
	cases := []struct {
		name, body string
		code       int
		message    string
	}{
		{"a name", body(id, `,"custom_audience_name":"b"`), 0, "OK"},
		{"neither files nor name", body(id, ""), 40002, "Missing required field(s): file_paths or custom_audience_name."},
		{"no id", `{"advertiser_id":"` + DefaultAdvertiser + `","custom_audience_name":"b"}`, 40002, "Missing required field(s): custom_audience_id."},
		{"an unknown id", body("1", `,"custom_audience_name":"b"`), 40007, "does not exist"},
		{"another advertiser", strings.Replace(body(id, `,"custom_audience_name":"b"`), DefaultAdvertiser, "2", 1), 40001, "No permission to operate audience"},
		{"a segment", body(segment, `,"custom_audience_name":"b"`), 40002, "not a customer file audience"},
		{"an action without files", body(id, `,"custom_audience_name":"b","action":"APPEND"`), 0, "OK"},
		{"another action", body(id, `,"file_paths":["`+path+`"],"action":"MERGE"`), 40002, "action: Not a valid choice."},
		{"files of another type", body(id, `,"file_paths":["`+phones+`"]`), 40909, "does not match"},
		{"an unknown file", body(id, `,"file_paths":["0123456789abcdef"]`), 40905, "does not exist"},
		{"another sub type", body(id, `,"audience_sub_type":"NORMAL"`), 40002, "audience_sub_type: Not a valid choice."},
		{"a sub type", body(id, `,"audience_sub_type":"REACH_FREQUENCY"`), 0, "OK"},
		{"files without an action", body(id, `,"file_paths":["`+path+`"]`), 0, "OK"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { post(t, s, files+"update/", c.body).want(t, c.code, c.message) })
	}
	got := s.Audiences()[0]
	if got.Name != "b" || got.History[len(got.History)-1].Action != "REPLACE" {
		t.Errorf("got %+v, want the name b and a replace at the end", got)
	}
	post(t, s, files+"update/", body(id, `,"audience_sub_type":"REACH_FREQUENCY","custom_audience_name":"c"`)).want(t, 0)
	if s.Audiences()[0].Name != "b" || s.Stats().Warnings[IgnoredChange] != 2 {
		t.Error("want the idle action, and the change next to audience_sub_type, ignored with a warning each")
	}
}

func TestDeleteIsAllOrNothing(t *testing.T) {
	s := New(quiet())
	a, b, segment := createFile(t, s, 1000), createFile(t, s, 1000), createSegment(t, s, "s")
	remove := func(ids ...string) reply {
		list, _ := json.Marshal(ids)
		return post(t, s, files+"delete/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_ids":%s}`, DefaultAdvertiser, list))
	}
	remove(a, "1").want(t, 40007, "does not exist")
	remove(a, segment).want(t, 40002, "Partner audience")
	remove().want(t, 40002, "custom_audience_ids")
	remove(make([]string, 101)...).want(t, 40002, "custom_audience_ids")
	if n := len(s.Audiences()); n != 3 {
		t.Fatalf("got %d audiences, want 3", n)
	}
	remove(a, b).want(t, 0)
	remove(a).want(t, 40007)
	update(t, s, a, "REPLACE", uploadIDs(t, s, 0, 1000)).want(t, 40007)
}

func TestAudiencesAreReadBack(t *testing.T) {
	s := New(quiet())
	file, segment := createFile(t, s, 1000), createSegment(t, s, "s")
	get := func(path string, params ...string) reply {
		q := url.Values{"advertiser_id": {DefaultAdvertiser}}
		for i := 0; i < len(params); i += 2 {
			q.Set(params[i], params[i+1])
		}
		return send(t, s, http.MethodGet, base+files+path+"?"+q.Encode(), "")
	}
	both := fmt.Sprintf(`[%q,%q]`, file, segment)
	cases := []struct {
		name  string
		reply reply
		code  int
		parts []string
	}{
		{"get", get("get/", "custom_audience_ids", both), 0, []string{
			`"audience_id":"` + file + `"`, `"type":"Customer File Audience"`, `"calculate_type":"EMAIL_SHA256"`, `"cover_num":1000`, `"is_valid":true`, `"create_time":"2026-03-01 12:00:00"`, `"expired_time":"2027-03-01 12:00:00"`,
			`"type":"Partner"`, `"calculate_type":"MULTIPLE_TYPES"`, `"is_valid":false`, `"audience_history":[{"action":"create"`, `"editor":"open_api"`, `"error_msg":null`}},
		{"get without ids", get("get/"), 40002, nil},
		{"get with broken ids", get("get/", "custom_audience_ids", file), 40002, nil},
		{"get no ids", get("get/", "custom_audience_ids", "[]"), 40002, nil},
		{"get numeric ids", get("get/", "custom_audience_ids", "[1]"), 40002, nil},
		{"get an unknown one", get("get/", "custom_audience_ids", `["1"]`), 40007, nil},
		{"a long history", get("get/", "custom_audience_ids", both, "history_size", "101"), 40002, nil},
		{"list", get("list/"), 0, []string{`"audience_type":"Partner Audience"`, `"audience_type":"Customer File Audience"`, `"page_info":{"page":1,"page_size":10,"total_number":2,"total_page":1}`}},
		{"list one", get("list/", "custom_audience_ids", `["`+file+`"]`), 0, []string{`"total_number":1`}},
		{"the second page", get("list/", "page", "2", "page_size", "1"), 0, []string{file, `"page_info":{"page":2,"page_size":1,"total_number":2,"total_page":2}`}},
		{"a page past the end", get("list/", "page", "9"), 0, []string{`"list":[]`}},
		{"a large page", get("list/", "page_size", "101"), 40002, nil},
		{"a page of letters", get("list/", "page", "x"), 40002, nil},
		{"page 0", get("list/", "page", "0"), 40002, nil},
		{"an unknown advertiser", get("list/", "advertiser_id", "9"), 40001, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.reply.want(t, c.code)
			for _, part := range c.parts {
				if !strings.Contains(c.reply.Raw, part) {
					t.Errorf("got %s, want it to hold %s", c.reply, part)
				}
			}
		})
	}
}

func TestARetentionFixesTheExpiry(t *testing.T) {
	s := New(quiet())
	path := uploadIDs(t, s, 0, 1000)
	post(t, s, files+"create/", fmt.Sprintf(`{"advertiser_id":%q,"custom_audience_name":"a","file_paths":[%q],"calculate_type":"EMAIL_SHA256","retention_in_days":2}`, DefaultAdvertiser, path)).want(t, 0)
	s.Advance(48*time.Hour - time.Second)
	if !s.Audiences()[0].Valid {
		t.Error("want it valid before its time is over")
	}
	s.Advance(time.Second)
	if s.Audiences()[0].Valid {
		t.Error("want it expired after two days")
	}
}
