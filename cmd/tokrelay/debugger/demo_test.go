package debugger_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// address is where the page of a demo is that has told its story, broker its Kafka, and report what it said; the tests of this
// package share them, for the story takes its time.
var address, broker, report string

func TestMain(m *testing.M) { os.Exit(withDemo(m)) }

var (
	announced = regexp.MustCompile(`The page stays at (http://\S+) `)
	brokerAt  = regexp.MustCompile(`(\S+) \(kfake\)`)
)

func withDemo(m *testing.M) int {
	read, write := io.Pipe()
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		err := demo.Run(ctx, demo.Options{Out: write, Serve: true, Listen: "127.0.0.1:0"})
		write.CloseWithError(cmp.Or(err, io.EOF))
		done <- err
	}()
	var said strings.Builder
	lines := bufio.NewScanner(read)
	for address == "" && lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if found := brokerAt.FindStringSubmatch(lines.Text()); found != nil {
			broker = found[1]
		}
		if found := announced.FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
	}
	if address == "" {
		fmt.Fprintln(os.Stderr, "the demo did not get to its end:\n"+said.String())
		return 1
	}
	report = said.String()
	go io.Copy(io.Discard, read)
	code := m.Run()
	stop()
	if err := <-done; err != nil {
		fmt.Fprintln(os.Stderr, err, "\n"+report)
		return 1
	}
	return code
}

// TestTheDemoChecksItselfAndPasses reads the report; that the demo ends without an error is looked at behind the tests.
func TestTheDemoChecksItselfAndPasses(t *testing.T) {
	for _, want := range []string{"are stand-ins inside this process", "rows in = delivered + rejected + skipped", "refused_by_tiktok"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	t.Log(report)
}

func get(t *testing.T, path string) (*http.Response, []byte) {
	t.Helper()
	response, text, err := ask(path)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

func post(t *testing.T, path string, form url.Values) (*http.Response, []byte) {
	t.Helper()
	response, err := http.PostForm(address+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

// answer is what an address of the page gave.
type answer struct {
	path string
	*http.Response
	text []byte
}

// crawl asks every kind of address of the page once: the fixed ones, the calls (those that went wrong all, and some of the
// others), and some rejected rows.
var crawl = sync.OnceValues(func() ([]answer, error) {
	list := []string{"/", "/calls", "/calls?outcome=refused", "/calls?outcome=split", "/rejected", "/rejected?sync=orders&reason=invalid_phone", "/files",
		"/preview", "/config", "/replay", "/actions", "/api/actions.json", "/rejected?page=2&text=invalid", "/syncs/orders", "/syncs/newsletter?span=day", "/syncs/lapsed?span=week", "/syncs/orders/columns", "/syncs/lapsed/columns", "/api/overview.json", "/api/calls.json", "/api/calls.csv", "/api/rejected.json", "/api/rejected.csv",
		"/api/reasons.json", "/api/files.json", "/api/config.yaml", "/metrics"}
	calls, err := listed("/api/calls.json", "id")
	if err != nil {
		return nil, err
	}
	for i, c := range calls {
		if c["outcome"] != "accepted" || i%10 == 0 {
			id := c["id"].(string)
			list = append(list, "/calls/"+id, "/calls/"+id+"?from=50", "/api/calls/"+id+"/request.json", "/api/calls/"+id+"/response.json")
		}
	}
	letters, err := listed("/api/rejected.json", "letter")
	if err != nil {
		return nil, err
	}
	for i, l := range letters {
		if _, at, _ := strings.Cut(l["letter"].(string), "/"); i%5 == 0 {
			list = append(list, "/rejected/"+at)
		}
	}
	all := make([]answer, len(list))
	var asking errgroup.Group
	asking.SetLimit(8) // pages wait for topics
	for i, path := range list {
		asking.Go(func() error {
			response, text, err := ask(path)
			all[i] = answer{path, response, text}
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	if len(all) < 50 { // how many calls there are depends on how full batches get
		return nil, fmt.Errorf("the page has %d addresses: the demo left too little to look at", len(all))
	}
	return all, nil
})

func everything(t *testing.T) []answer {
	t.Helper()
	all, err := crawl()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ask(path string) (*http.Response, []byte, error) {
	response, err := http.Get(address + path)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, text, err
}

// listed is a download: a list of objects that all have the member.
func listed(path, member string) (list []map[string]any, err error) {
	_, text, err := ask(path)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err == nil && (len(list) == 0 || list[0][member] == nil) {
		err = fmt.Errorf("%s lists nothing with %s", path, member)
	}
	return list, err
}

// clear is what the demo's rows hold in clear: addresses, telephone numbers, and what events carry of a browser.
var clear = []string{"@example.com", "+1213", "+1 213", "(213)", "203.0.113.", "iphone os", "linux; android", "thanks?order="}

// leak is what the text tells in clear, or nothing.
func leak(text []byte) string {
	lower := bytes.ToLower(text)
	for _, c := range clear {
		if bytes.Contains(lower, []byte(c)) {
			return c
		}
	}
	return ""
}

func TestNoAddressOfThePageTellsAnybodysData(t *testing.T) {
	t.Parallel()
	for _, a := range everything(t) {
		if found := leak(a.text); found != "" {
			t.Errorf("%s tells something in clear: …%s…", a.path, found)
		}
		if bytes.Contains(a.text, []byte(sandbox.DefaultToken)) {
			t.Errorf("%s tells the token", a.path)
		}
	}
}

// TestTheCallsTopicTellsNobodysData reads every record of the topic that the demo's calls were written to, as kcat would.
func TestTheCallsTopicTellsNobodysData(t *testing.T) {
	t.Parallel()
	client, err := admin.New(settings.WithDefaults(kafka.Config{Brokers: []string{broker}}), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := client.Ends(t.Context(), "demo.calls")
	if err != nil {
		t.Fatal(err)
	}
	records, digests, syncs := 0, 0, map[string]bool{}
	err = client.Read(t.Context(), admin.Range{To: ends}, func(r *pipeline.Record) error {
		records++
		syncs[string(r.Key)] = true
		if found := leak(r.Value); found != "" {
			t.Errorf("a record of %s tells %q in clear", r.Key, found)
		}
		if bytes.Contains(r.Value, []byte(sandbox.DefaultToken)) || !json.Valid(r.Value) {
			t.Errorf("a record of %s tells the token, or is not JSON", r.Key)
		}
		digests += len(emailDigest.FindAll(r.Value, -1))
		return nil
	})
	if err != nil || records < 20 || digests < 1000 || len(syncs) < 4 {
		t.Errorf("%d records of %d syncs with %d digests, %v: the topic has too little to look at", records, len(syncs), digests, err)
	}
}

func TestEveryPageHasItsHeadersAndIsWellFormed(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
	}
	for _, a := range everything(t) {
		if a.path == "/metrics" {
			continue
		}
		if gone := strings.HasPrefix(a.path, "/api/calls/") && a.StatusCode == http.StatusGone; !gone && a.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s: %.200s", a.path, a.Status, a.text)
		}
		for name, value := range want {
			if got := a.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", a.path, name, got, value)
			}
		}
		policy := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: content security policy is %q", a.path, policy)
		}
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			if err := wellFormed(a.text); err != nil {
				t.Errorf("%s: %v", a.path, err)
			}
		}
	}
}

// wellFormed wants elements closed in order, ids once, and nothing that the policy forbids and that would go unnoticed:
// styles and handlers in attributes, scripts in the page, resources from elsewhere.
func wellFormed(html []byte) error {
	d := xml.NewDecoder(bytes.NewReader(bytes.Replace(html, []byte("<!doctype html>"), nil, 1)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids := map[string]bool{}
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("inside %v: %w", open, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			if err := allowed(e, ids); err != nil {
				return err
			}
		case xml.EndElement:
			if open[len(open)-1] != e.Name.Local {
				return fmt.Errorf("%s is closed inside %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func allowed(e xml.StartElement, ids map[string]bool) error {
	source := false
	for _, a := range e.Attr {
		name, value := a.Name.Local, a.Value
		source = source || name == "src"
		switch {
		case name == "id" && ids[value]:
			return fmt.Errorf("two elements have the id %s", value)
		case name == "id":
			ids[value] = true
		case name == "style", strings.HasPrefix(name, "on"):
			return fmt.Errorf("%s has the attribute %s", e.Name.Local, name)
		case (name == "src" || name == "href") && (strings.Contains(value, "//") || strings.HasPrefix(value, "javascript:")):
			return fmt.Errorf("%s leads elsewhere: %s", e.Name.Local, value)
		}
	}
	if e.Name.Local == "style" || e.Name.Local == "script" && !source {
		return fmt.Errorf("%s in the page", e.Name.Local)
	}
	return nil
}

func TestWhatIsNotThereIsSaidSo(t *testing.T) {
	for _, path := range []string{"/nothing", "/calls/999999", "/calls/x", "/rejected/0/999999999", "/rejected/9999/1", "/api/calls/999999/request.json"} {
		if response, _ := get(t, path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s, want 404", path, response.Status)
		}
	}
}

// A streamed audience has the rows that this instance remembers.
func TestTheOverviewHasPeopleAndIdentifiersOfAudiences(t *testing.T) {
	var o struct {
		Syncs []struct {
			Name       string
			Remembered *int64 `json:"rows_remembered"`
			File       *struct {
				Uploads []struct{ People, Identifiers, Members int64 }
			}
		}
	}
	_, text := get(t, "/api/overview.json")
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	streamed, files := 0, 0
	_, html := get(t, "/")
	for _, s := range o.Syncs {
		if r := s.Remembered; r != nil {
			streamed++
			if *r == 0 || !bytes.Contains(html, []byte(">Remembered</")) { // TikTok's count is of its last reading
				t.Errorf("%s: got %d, want rows, and their chart", s.Name, *r)
			}
		}
		if s.File != nil && len(s.File.Uploads) > 0 {
			files++
			if u := s.File.Uploads[0]; u.People < u.Members || u.Identifiers != u.Members || !bytes.Contains(html, []byte(" people, ")) {
				t.Errorf("%s: got %+v, want as many identifiers as members, of as many people or more", s.Name, u)
			}
		}
	}
	if streamed == 0 || files == 0 {
		t.Errorf("the demo has %d streamed audiences and %d of files, want some of both", streamed, files)
	}
}

func TestTheOverviewTellsEverySync(t *testing.T) {
	var o struct {
		Syncs []struct {
			Name      string
			State     struct{ Words string }
			Delivered int64
			Rejected  int64
		}
	}
	_, text := get(t, "/api/overview.json")
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	_, html := get(t, "/")
	for _, s := range o.Syncs {
		if !bytes.Contains(html, []byte(">"+s.Name+"</a></h2>")) || s.State.Words == "" {
			t.Errorf("sync %s is not on the page, or has no state in words", s.Name)
		}
		if s.Name == "orders" && (s.Delivered < 10_000 || s.Rejected < 100) {
			t.Errorf("orders: %d delivered, %d rejected; the demo has more", s.Delivered, s.Rejected)
		}
	}
}

var emailDigest = regexp.MustCompile(`"email":"([0-9a-f]{64})"`)

func TestAPersonsDigestFindsTheirEventAndWhatHappenedToIt(t *testing.T) {
	t.Parallel()
	_, list := get(t, "/api/calls.json?sync=orders&outcome=accepted")
	var calls []struct {
		Number int64 `json:"number"`
		Brief  bool  `json:"figures_only"`
	}
	if err := json.Unmarshal(list, &calls); err != nil {
		t.Fatal(err)
	}
	whole := slices.IndexFunc(calls, func(c struct {
		Number int64 `json:"number"`
		Brief  bool  `json:"figures_only"`
	}) bool {
		return !c.Brief
	})
	if whole < 0 {
		t.Fatal("every call is kept as figures only")
	}
	number := calls[whole].Number
	_, request := get(t, fmt.Sprintf("/api/calls/%d/request.json", number))
	digest := emailDigest.FindSubmatch(request)
	if digest == nil {
		t.Fatalf("call %d has no address by digest: %.300s", number, request)
	}
	_, html := post(t, "/search", url.Values{"digest": {string(digest[1])}, "as": {"email"}})
	for _, want := range []string{"accepted by TikTok", "Taken for an e-mail address", fmt.Sprintf(`href="/calls/%d"`, number)} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the search does not tell %q: %s", want, html)
		}
	}
	if bytes.Contains(html, []byte("<html")) {
		t.Error("what is put into a page is a whole page")
	}
	_, html = post(t, "/search", url.Values{"digest": {strings.Repeat("ab", 32)}})
	if !bytes.Contains(html, []byte("No row settled")) || bytes.Contains(html, []byte("row-found")) {
		t.Errorf("a digest of nobody finds someone: %s", html)
	}
	if response, _ := post(t, "/search", url.Values{"digest": {"ada@example.com"}}); response.StatusCode != http.StatusBadRequest {
		t.Errorf("clear text is answered %s, want 400", response.Status)
	}
}

func TestARejectedRowIsFoundByItsSourceAndExplained(t *testing.T) {
	_, text := get(t, "/api/rejected.json?reason=invalid_currency")
	var letters []struct{ Source, Letter, Field string }
	if err := json.Unmarshal(text, &letters); err != nil || len(letters) == 0 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	_, html := get(t, "/search?place="+url.QueryEscape(letters[0].Source))
	for _, want := range []string{"<html", letters[0].Source, "Rejected", "properties.currency", "column <code>currency</code>", "refused", letterHref(letters[0].Letter)} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("what is found at the row's place does not tell %q: %s", want, html)
		}
	}
	parts := strings.Split(letters[0].Letter, "/")
	_, html = get(t, "/rejected/"+strings.Join(parts[1:], "/"))
	for _, wanted := range []string{"properties.currency", "ISO 4217", "tokrelay dlq replay --sync orders --reason invalid_currency", "page_url"} {
		if !bytes.Contains(html, []byte(wanted)) {
			t.Errorf("the letter's page does not tell %q", wanted)
		}
	}
}

// letterHref is the address of a letter's page.
func letterHref(letter string) string {
	parts := strings.Split(letter, "/")
	return "/rejected/" + parts[1] + "/" + parts[2]
}

func TestARefusedBatchShowsItsTree(t *testing.T) {
	_, html := get(t, "/calls?outcome=refused")
	link := regexp.MustCompile(`href="(/calls/\d+)"`).FindSubmatch(html)
	if link == nil {
		t.Fatal("no refused call in the list")
	}
	_, html = get(t, string(link[1]))
	for _, wanted := range []string{"whole batch", "part 0", "$TIKTOK_ACCESS_TOKEN", "[masked]"} {
		if !bytes.Contains(html, []byte(wanted)) {
			t.Errorf("the refused call does not show %q", wanted)
		}
	}
}

func TestPreviewShowsTheItemOrTheRejection(t *testing.T) {
	row := `{"order_uid":"u-1","status":"paid","email":"ada@example.org","page_url":"https://shop.example/","amount":"12.5","currency":"EUR","occurred_at":"2026-11-22T10:00:00Z"}`
	cases := []struct{ name, rows, want string }{
		{"a good row", row, "would be sent"},
		{"its address as a digest", row, "cfe00dde46ef942601ffafb9e2825e802858b460e586b8305b344c1eb826357d"},
		{"a bad currency", strings.Replace(row, "EUR", "EURO", 1), "invalid_currency"},
		{"not JSON", "{", "json_decode"},
		{"a tombstone", "null", "would be skipped"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, html := post(t, "/preview", url.Values{"sync": {"orders"}, "rows": {c.rows}})
			if !bytes.Contains(html, []byte(c.want)) {
				t.Errorf("the preview does not show %q: %s", c.want, html)
			}
		})
	}
	_, html := post(t, "/preview", url.Values{"sync": {"orders"}, "rows": {row}})
	if bytes.Contains(html, []byte("ada@example.org")) {
		t.Error("what was pasted is written back")
	}
	_, html = post(t, "/preview", url.Values{"sync": {"orders"}, "from": {"topic"}, "count": {"3"}})
	if !bytes.Contains(html, []byte("Row 3")) || leak(html) != "" {
		t.Error("real records are not previewed, or not masked")
	}
}

func TestDownloadsAreTables(t *testing.T) {
	for _, path := range []string{"/api/calls.csv", "/api/rejected.csv"} {
		_, text := get(t, path)
		if rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll(); err != nil || len(rows) < 20 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
		}
	}
}
