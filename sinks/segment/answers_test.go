package segment

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// wire is an HTTP server that knows nothing of the API but texts: what it answers to which path, and the digests it has said
// OK to.
type wire struct {
	next http.RoundTripper // answers when answer does not; nil: texts of its own

	mu     sync.Mutex
	answer func(path, body string) (status int, text string) // status 0: none
	taken  map[string]int
	gets   int
}

var (
	digestIn = regexp.MustCompile(`"id":"([0-9a-f]{64})"`)
	ownTexts = map[string]string{
		"/segment/audience/":         `{"code":0,"message":"OK","data":{"audience_id":"7"}}`,
		"/dmp/custom_audience/list/": `{"code":0,"message":"OK","data":{"list":[]}}`,
		"/dmp/custom_audience/get/":  `{"code":0,"message":"OK","data":{"list":[{"audience_details":{"audience_id":"7","type":"Partner","is_creator":true}}]}}`,
	}
)

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent bytes.Buffer
	if r.Body != nil {
		_, _ = io.Copy(&sent, r.Body)
		r.Body.Close()
	}
	path, body := strings.TrimPrefix(r.URL.Path, "/open_api/v1.3"), sent.String()
	if path == "/segment/mapping/" { // the others are made under a lock, which virtual time does not pass
		<-time.After(100 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasSuffix(path, "/get/") {
		w.gets++
	}
	status, text := 0, ""
	if w.answer != nil {
		status, text = w.answer(path, body)
	}
	if status == 0 {
		var err error
		if status, text, err = w.usual(r, path, body); err != nil {
			return nil, err
		}
	}
	if path == "/segment/mapping/" && strings.Contains(text, `"code":0`) {
		for _, m := range digestIn.FindAllStringSubmatch(body, -1) {
			w.taken[m[1]]++
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (w *wire) usual(r *http.Request, path, body string) (int, string, error) {
	if w.next == nil {
		if text, ok := ownTexts[path]; ok {
			return 200, text, nil
		}
		return 200, `{"code":0,"message":"OK","data":{}}`, nil
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(strings.NewReader(body))
	resp, err := w.next.RoundTrip(again)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (w *wire) say(answer func(path, body string) (int, string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// gateway answers everything.
func gateway(status int, text string) func(path, body string) (int, string) {
	return func(string, string) (int, string) { return status, text }
}

func coded(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"message":%q,"request_id":"2","data":{}}`, code, message)
}

// members refuses the calls with members only.
func members(code int, message string) func(path, body string) (int, string) {
	return func(path, _ string) (int, string) {
		if path == "/segment/mapping/" {
			return 200, coded(code, message)
		}
		return 0, ""
	}
}

// deleted is an audience that was deleted, as calls with members are answered; those who ask are told 40007.
func deleted(code int, message string) func(path, body string) (int, string) {
	return func(path, body string) (int, string) {
		if strings.HasSuffix(path, "/get/") {
			return 200, coded(40007, "Audience 7 does not exist.")
		}
		return members(code, message)(path, body)
	}
}

const goneText = `audience "Newsletter" (id `

var audienceTroubles = []struct {
	name   string
	answer func(path, body string) (int, string)
	kind   pipeline.TroubleKind
	says   string
}{
	{"deleted: refused by name", deleted(40002, "batch_data.0.0.audience_ids: Audience does not exist."), pipeline.TroubleConfig, goneText},
	{"deleted: 40007", deleted(40007, "The object does not exist."), pipeline.TroubleRefused, goneText},
	{"deleted: 40002 without an index", deleted(40002, "Invalid parameters."), pipeline.TroubleRefused, goneText},
	{"deleted: 40001", deleted(40001, "No permission to operate audience: 7."), pipeline.TroubleToken, goneText},
	{"gateway: 400", gateway(400, "<html>Bad Request</html>"), pipeline.TroubleTikTok, ""},
	{"gateway: 413", gateway(413, "<html>Too Large</html>"), pipeline.TroubleRefused, ""},
	{"gateway: 422", gateway(422, "<html>Unprocessable</html>"), pipeline.TroubleTikTok, ""},
	{"40002 for everything", members(40002, "Invalid parameters."), pipeline.TroubleRefused, ""},
	{"40000 for everything", members(40000, "Wrong."), pipeline.TroubleRefused, ""},
	{"40061 for everything", members(40061, "Batch size exceeds the limit."), pipeline.TroubleRefused, ""},
	{"40011 for everything", members(40011, "Too many ids."), pipeline.TroubleRefused, ""},
	{"an index that is always the first", members(40002, "batch_data.0.0.id: not hashed"), pipeline.TroubleRefused, ""},
	{"40112", members(40112, "Password error."), pipeline.TroubleToken, ""},
	{"70001", members(70001, "Business auth type."), pipeline.TroubleToken, ""},
	{"40109", members(40109, "Decipher error."), pipeline.TroubleConfig, ""},
	{"40302", members(40302, "Advertiser missing."), pipeline.TroubleConfig, ""},
	{"a code nobody knows", members(40777, "Something new."), pipeline.TroubleUnknown, ""},
}

func TestAnAnswerToEverythingHoldsAStreamedAudienceAndCostsNoMember(t *testing.T) {
	for i, c := range audienceTroubles {
		for _, lasts := range []time.Duration{6 * time.Second, 20 * time.Minute} {
			for _, name := range []string{"stub", "sandbox"} {
				if lasts > time.Minute && (name == "sandbox" || c.says == "" && i%4 > 0) {
					continue // a part of them shows as much
				}
				t.Run(fmt.Sprint(c.name, " for ", lasts, ", ", name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						newStreamed(t, name, "audience: {name: Newsletter}").outlive(c.answer, c.kind, c.says, lasts)
					})
				})
			}
		}
	}
}

const membersPerCall = 40

// streamed is a streamed audience over a wire: everything but Kafka and the router.
type streamed struct {
	*testing.T
	sink    *Sink
	shape   *pipeline.Shape
	wire    *wire
	status  *pipeline.Status
	letters realLetters
}

func newStreamed(t *testing.T, server, config string) *streamed {
	s := &streamed{T: t, status: pipeline.NewStatus(time.Now), wire: &wire{taken: map[string]int{}}, shape: &pipeline.Shape{}}
	if server == "sandbox" {
		s.wire.next = sandbox.New(sandbox.Config{Limits: sandbox.NoLimits()}).Transport()
	}
	cols := &mapping.Columns{}
	cols.Index("email")
	cols.Index("list")
	plan, err := New(loaded(t, config+"\nidentifiers: {EMAIL_SHA256: email}\nbatch: {max_users: 40}"), Options{AdvertiserID: sandbox.DefaultAdvertiser}, cols, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.shape.Names, _ = cols.Wanted()
	client := tiktok.NewOver(settings.WithDefaults(tiktok.Config{}), tiktok.FixedToken(sandbox.DefaultToken), s.wire)
	fine := func() error { return nil }
	target := plan.NewTarget("newsletter", nil, client, state.NewStore((&topic{}).log(fine), time.Now), nil)
	q := delivery.New(delivery.Config{MaxItems: membersPerCall, MaxBytes: maxBytes, Retry: settings.WithDefaults(delivery.Retry{})}, delivery.Deps{
		Sync: "newsletter", Endpoint: Endpoint, AppendRequest: plan.AppendRequest, Field: plan.Destination, Misdirected: plan.Misdirected(), Ask: plan.Ask(target),
		Post:        func(ctx context.Context, body []byte) pipeline.Answer { return client.Post(ctx, Endpoint, body) },
		Gate:        delivery.NewGate(delivery.GateConfig{CallsInFlight: 8, Endpoints: map[string]float64{Endpoint: 10}}),
		DeadLetters: &s.letters, Status: s.status,
	})
	s.sink = NewSink(plan, Deps{Sync: "newsletter", Queue: q, DeadLetters: &s.letters, Audiences: target, Generation: target.Generation,
		Memory: state.NewMembers((&topic{}).log(fine), EachClaim, nil), Status: s.status})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = q.Run(ctx) })                                       // always nil
	running.Go(func() { _ = plan.NewReadback(target, nil, s.status).Run(ctx) }) // always nil
	t.Cleanup(func() { stop(); running.Wait() })
	return s
}

func emailOf(row int) string { return fmt.Sprintf("m%d@example.com", row) }

// deliver brings a chunk of new members through the sink, each with the audience that listOf says.
func (s *streamed) deliver(ctx context.Context, first, n int, listOf func(row int) string) *pipeline.Chunk {
	records, items, maker := make([]pipeline.Record, n), pipeline.Items{}, s.sink.plan.Maker()
	for i := range records {
		records[i] = pipeline.Record{Topic: "shop.customers", Offset: int64(first + i), Key: fmt.Append(nil, first+i)}
		c := pipeline.Change{Op: pipeline.Insert, Shape: s.shape, Key: records[i].Key, After: pipeline.Image{Present: true}}
		values := map[string]string{"email": emailOf(first + i), "list": listOf(first + i)}
		for _, name := range s.shape.Names {
			c.After.Values = append(c.After.Values, text(values[name]))
		}
		if err := maker.Make(&items, i, &c); err != nil {
			s.Errorf("row %d: %v", first+i, err)
		}
	}
	c := pipeline.NewChunk(records)
	if err := s.sink.Deliver(ctx, c, &items); err != nil && ctx.Err() == nil {
		s.Errorf("deliver: %v", err)
	}
	return c
}

func noList(int) string { return "" }

// stream delivers chunks of a call's members, one every 100 ms, eight at most at a time.
func (s *streamed) stream(chunks int) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		partitions := make(chan struct{}, 8)
		for i := range chunks {
			partitions <- struct{}{}
			all.Go(func() { s.deliver(context.Background(), i*membersPerCall, membersPerCall, noList); <-partitions })
			<-time.After(100 * time.Millisecond)
		}
		all.Wait()
	}()
	return done
}

// outlive streams through trouble and holds the promise: told within 5 s, nothing dead-lettered, at full speed 15 s after its
// end.
func (s *streamed) outlive(answer func(path, body string) (int, string), kind pipeline.TroubleKind, says string, lasts time.Duration) {
	const chunks = 30
	done := s.stream(chunks)
	<-time.After(time.Second)
	s.wire.say(answer)
	<-time.After(5 * time.Second)
	list := s.status.Troubles("newsletter")
	if len(list) != 1 || list[0].Kind != kind || !strings.HasPrefix(list[0].What, says) {
		s.Errorf("after 5 s: got troubles %v, want %s that begins with %q", list, kind, says)
	} else if says != "" && !strings.Contains(list[0].What, "is gone at TikTok: stop the sync and run `tokrelay resync --sync newsletter --recreate`") {
		s.Errorf("got %q, want what to do", list[0].What)
	}
	<-time.After(lasts - 5*time.Second)
	s.wire.say(nil)
	ended := time.Now()
	<-time.After(15 * time.Second)
	if list := s.status.Troubles("newsletter"); len(list) > 0 {
		s.Errorf("15 s after the end: got troubles %v", list)
	}
	<-done
	if late := time.Since(ended); late > 20*time.Second {
		s.Errorf("all delivered %v after the end", late)
	}
	if n := len(s.letters.letters); n > 0 {
		s.Errorf("%d dead letters, want none", n)
	}
	for row := range chunks * membersPerCall {
		if n := s.wire.taken[digest(emailOf(row))]; n != 1 {
			s.Fatalf("TikTok took member %d %d times, want once", row, n)
		}
	}
}

// A row that names an audience TikTok refuses to create, or to fill, costs itself only.
func TestOneRefusedAudienceThatARowNamesCostsThatRowOnly(t *testing.T) {
	for _, c := range []struct {
		name   string
		refuse func(path, body string) bool
		text   string
	}{
		{"it is refused when it is created", func(path, body string) bool { return path == "/segment/audience/" && strings.Contains(body, "Odd") }, coded(40002, "custom_audience_name: not allowed.")},
		{"it is refused when it is filled", func(path, body string) bool {
			return path == "/segment/mapping/" && strings.Contains(body, digest(emailOf(77)))
		}, coded(40002, "batch_data.0.0.audience_ids: Audience cannot be filled.")},
	} {
		for _, server := range []string{"stub", "sandbox"} {
			t.Run(c.name+", "+server, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStreamed(t, server, "audience: {column: list}")
					s.wire.say(func(path, body string) (int, string) {
						if c.refuse(path, body) {
							return 200, c.text
						}
						return 0, ""
					})
					var all sync.WaitGroup
					for i := range 5 {
						all.Go(func() {
							s.deliver(t.Context(), i*membersPerCall, membersPerCall, func(row int) string {
								if row == 77 {
									return "Odd"
								}
								return "News"
							})
						})
					}
					all.Wait()
					if got := s.letters.reasons(); len(got) != 1 || got[0] != pipeline.UnknownAudience || s.letters.letters[0].Record.Offset != 77 {
						t.Errorf("dead letters: got %v, want row 77 for %s", got, pipeline.UnknownAudience)
					}
					for row := range 5 * membersPerCall {
						if n := s.wire.taken[digest(emailOf(row))]; (n > 0) != (row != 77) {
							t.Errorf("TikTok took member %d %d times", row, n)
						}
					}
					if list := s.status.Troubles("newsletter"); len(list) > 0 {
						t.Errorf("troubles: got %v, want none", list)
					}
				})
			})
		}
	}
}
