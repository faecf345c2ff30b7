package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// wire is an HTTP server that knows nothing of the API but texts: what it answers, and the ids it has said OK to.
type wire struct {
	next http.RoundTripper // answers when answer does not; nil: OK to everything

	mu     sync.Mutex
	answer func(body string) (status int, text string) // status 0: none
	taken  map[string]int
	sizes  []int
	times  []time.Time
	oks    []bool
}

// idsIn are the event ids of a request. A regular expression is slow under the race detector.
func idsIn(body string) (ids []string) {
	for part := range strings.SplitSeq(body, `id":"`) {
		if id, _, found := strings.Cut(part, `"`); found && strings.HasPrefix(id, "ev") {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent bytes.Buffer
	_, _ = io.Copy(&sent, r.Body)
	r.Body.Close()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body := sent.String()
	w.mu.Lock()
	defer w.mu.Unlock()
	status, text := 0, ""
	if w.answer != nil {
		status, text = w.answer(body)
	}
	if status == 0 && w.next != nil {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(strings.NewReader(body))
		resp, err := w.next.RoundTrip(again)
		if err != nil {
			return nil, err
		}
		whole, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		status, text = resp.StatusCode, string(whole)
	}
	if status == 0 {
		status, text = 200, `{"code":0,"message":"OK","request_id":"1","data":{}}`
	}
	ids := idsIn(body)
	ok := strings.Contains(text, `"code":0`)
	for _, id := range ids {
		if ok {
			w.taken[id]++
		}
	}
	w.sizes, w.times, w.oks = append(w.sizes, len(ids)), append(w.times, time.Now()), append(w.oks, ok)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (w *wire) say(answer func(body string) (int, string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func always(status int, text string) func(string) (int, string) {
	return func(string) (int, string) { return status, text }
}

func coded(code int, message string) func(string) (int, string) {
	return always(200, fmt.Sprintf(`{"code":%d,"message":%q,"request_id":"2","data":{}}`, code, message))
}

// flow is a sync of web events over a wire.
type flow struct {
	*testing.T
	queue   *delivery.Queue
	status  *pipeline.Status
	letters letters
	wire    *wire
	asked   func(ctx context.Context) string // what TikTok says of a destination
}

func newFlow(t *testing.T, next http.RoundTripper, c tiktok.Config, misdirected pipeline.Reason) *flow {
	f := &flow{T: t, status: pipeline.NewStatus(time.Now), letters: letters{rows: map[int64]*pipeline.Rejection{}}, wire: &wire{next: next, taken: map[string]int{}},
		asked: func(context.Context) string { return "" }}
	client := tiktok.NewOver(settings.WithDefaults(c), tiktok.FixedToken(sandbox.DefaultToken), f.wire)
	f.queue = delivery.New(delivery.Config{MaxItems: rowsPerCall, MaxBytes: 1_000_000, Retry: settings.WithDefaults(delivery.Retry{})}, delivery.Deps{
		Sync: "purchases", Endpoint: "/event/track/", DeadLetters: &f.letters, Status: f.status, Field: events.Destination, Misdirected: misdirected,
		Ask: func(ctx context.Context, _ string) string { return f.asked(ctx) },
		AppendRequest: func(dst []byte, envelope string, bodies [][]byte) []byte {
			return append(append(fmt.Appendf(dst, `{%s,"data":[`, envelope), bytes.Join(bodies, []byte(","))...), "]}"...)
		},
		Gate: delivery.NewGate(delivery.GateConfig{CallsInFlight: 8, Endpoints: map[string]float64{"/event/track/": 1000}}),
		Post: func(ctx context.Context, body []byte) pipeline.Answer { return client.Post(ctx, "/event/track/", body) },
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.queue.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

// deliver hands over a chunk of events, each to the pixel that pixelOf says.
func (f *flow) deliver(first, n int, pixelOf func(row int) string) *pipeline.Chunk {
	records, items := make([]pipeline.Record, n), &pipeline.Items{}
	for i := range records {
		records[i] = pipeline.Record{Topic: "orders", Offset: int64(first + i)}
		start := int32(len(items.Buf))
		items.Buf = fmt.Appendf(items.Buf, `{"event":"Purchase","event_time":%d,"event_id":"ev%06d","user":{"ttclid":"c"},"page":{"url":"https://shop.example/"},"properties":{"currency":"EUR","value":9.5}}`, time.Now().Unix(), first+i)
		envelope := fmt.Sprintf(`"event_source":"web","event_source_id":%q`, pixelOf(first+i))
		items.List = append(items.List, pipeline.Item{Row: int32(i), Start: start, End: int32(len(items.Buf)), Envelope: items.EnvelopeIndex([]byte(envelope))})
	}
	c := pipeline.NewChunk(records)
	_ = f.queue.Deliver(context.Background(), c, items) // fails where the test ends before the trouble
	return c
}

// serverNamed is what answers behind the wire where the wire itself does not: nothing, or the simulator.
func serverNamed(name string) http.RoundTripper {
	if name == "stub" {
		return nil
	}
	return sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Refuse: []sandbox.Warning{sandbox.Compressed}}).Transport()
}

func onePixel(int) string { return sandbox.DefaultPixel }

const rowsPerCall = 40

// stream delivers chunks of a call's rows, one every 50 ms, a dozen at most at a time.
func (f *flow) stream(chunks int) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		partitions := make(chan struct{}, 12)
		for i := range chunks {
			partitions <- struct{}{}
			all.Go(func() { f.deliver(i*rowsPerCall, rowsPerCall, onePixel); <-partitions })
			<-time.After(50 * time.Millisecond)
		}
		all.Wait()
	}()
	return done
}

// The answers that refuse everything, as they were met: none is about a row.
var troubles = []struct {
	name   string
	answer func(body string) (int, string)
	kind   pipeline.TroubleKind
}{
	{"the audience or the source is gone: 40007", coded(40007, "The object does not exist."), pipeline.TroubleRefused},
	{"40002 that names nothing", coded(40002, "Invalid parameters."), pipeline.TroubleRefused},
	{"40000", coded(40000, "Invalid Price Field"), pipeline.TroubleRefused},
	{"40061 for everything", coded(40061, "Batch size exceeds the limit."), pipeline.TroubleRefused},
	{"40011 for everything", coded(40011, "Too many ids."), pipeline.TroubleRefused},
	{"40062 for everything", coded(40062, "Invalid value for email: not hashed."), pipeline.TroubleRefused},
	{"an index that is always the first", coded(40002, "data.0.properties.value: Not a valid number"), pipeline.TroubleRefused},
	{"a wrong pixel", coded(40002, "Invalid value for event_source_id: not a valid string."), pipeline.TroubleConfig},
	{"a wrong source", coded(40002, "Invalid value for event_source: must be web, app or offline."), pipeline.TroubleConfig},
	{"the audience, by name", coded(40002, "batch_data.0.0.audience_ids: Audience does not exist."), pipeline.TroubleConfig},
	{"gateway: 400", always(400, "<html>Bad Request</html>"), pipeline.TroubleTikTok},
	{"gateway: 422", always(422, "<html>Unprocessable</html>"), pipeline.TroubleTikTok},
	{"gateway: 413", always(413, "<html>Too Large</html>"), pipeline.TroubleRefused},
	{"gateway: 403", always(403, "<html>Forbidden</html>"), pipeline.TroubleToken},
	{"gateway: 200", always(200, "<html>Welcome</html>"), pipeline.TroubleTikTok},
	{"gateway: 502", always(502, "<html>Bad Gateway</html>"), pipeline.TroubleTikTok},
	{"no permission for the pixel", coded(40001, "No permission to operate pixel code: C4."), pipeline.TroubleToken},
	{"40112", coded(40112, "Password error."), pipeline.TroubleToken},
	{"40114", coded(40114, "Logged out."), pipeline.TroubleToken},
	{"40116", coded(40116, "Signature."), pipeline.TroubleToken},
	{"40309", coded(40309, "Login required."), pipeline.TroubleToken},
	{"70001", coded(70001, "Business auth type."), pipeline.TroubleToken},
	{"40109", coded(40109, "Decipher error."), pipeline.TroubleConfig},
	{"40302", coded(40302, "Advertiser missing."), pipeline.TroubleConfig},
	{"a code nobody knows", coded(40777, "Something new."), pipeline.TroubleUnknown},
}

func TestAnAnswerToEverythingHoldsTheSyncAndCostsNoRow(t *testing.T) {
	for i, c := range troubles {
		for _, lasts := range []time.Duration{6 * time.Second, 20 * time.Minute} {
			for _, name := range []string{"stub", "sandbox"} {
				if name == "sandbox" && lasts > time.Minute || i%3 > 0 && lasts > time.Minute {
					continue // a part of them shows as much
				}
				t.Run(fmt.Sprint(c.name, " for ", lasts, ", ", name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						newFlow(t, serverNamed(name), tiktok.Config{}, "").outlive(c.answer, c.kind, lasts)
					})
				})
			}
		}
	}
}

// outlive streams through trouble and holds the promise: told within 5 s, nothing dead-lettered, at full speed 15 s after its
// end, and nothing taken twice but what was in flight.
func (f *flow) outlive(answer func(string) (int, string), kind pipeline.TroubleKind, lasts time.Duration) {
	const chunks = 40
	done := f.stream(chunks)
	<-time.After(time.Second)
	f.wire.say(answer)
	<-time.After(5 * time.Second)
	if list := f.status.Troubles("purchases"); len(list) == 0 || list[0].Kind != kind {
		f.Errorf("after 5 s: got troubles %v, want %s", list, kind)
	}
	<-time.After(lasts - 5*time.Second)
	f.wire.say(nil)
	ended := time.Now()
	<-time.After(15 * time.Second)
	if list := f.status.Troubles("purchases"); len(list) > 0 {
		f.Errorf("15 s after the end: got troubles %v", list)
	}
	<-done
	if late := time.Since(ended); late > 20*time.Second { // 12 chunks were held, and the rest waited to come
		f.Errorf("all delivered %v after the end", late)
	}
	f.wantAll(chunks * rowsPerCall)
}

// wantAll wants n rows at TikTok, and none in the letters.
func (f *flow) wantAll(n int) {
	f.Helper()
	if len(f.letters.rows) > 0 {
		f.Errorf("%d dead letters, want none", len(f.letters.rows))
	}
	f.wire.mu.Lock()
	defer f.wire.mu.Unlock()
	again := 0
	for _, times := range f.wire.taken {
		again += times - 1
	}
	if len(f.wire.taken) != n || again > 0 {
		f.Errorf("TikTok took %d rows and %d of them again, want %d and none", len(f.wire.taken), again, n)
	}
}

// refusing answers as a strict TikTok does where a call holds one of the bad rows, and as trouble says otherwise.
func refusing(bad func(row int) bool, trouble func(string) (int, string)) func(string) (int, string) {
	return func(body string) (int, string) {
		if trouble != nil {
			return trouble(body)
		}
		for _, id := range idsIn(body) {
			if row, err := strconv.Atoi(strings.TrimPrefix(id, "ev")); err == nil && bad(row) {
				return coded(40002, "Invalid value for value: not a valid number.")(body)
			}
		}
		return 0, ""
	}
}

func TestTroubleAmongBadRowsCostsTheBadRowsOnly(t *testing.T) {
	for i, c := range troubles {
		for _, every := range []int{[]int{23, 150}[i%2]} {
			t.Run(fmt.Sprint(c.name, ", one bad row of ", every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFlow(t, nil, tiktok.Config{}, "")
					bad := func(row int) bool { return row%every == 3 }
					f.wire.say(refusing(bad, nil))
					done := f.stream(25)
					for range 3 {
						<-time.After(700 * time.Millisecond)
						f.wire.say(refusing(bad, c.answer))
						<-time.After(30 * time.Second)
						f.wire.say(refusing(bad, nil))
					}
					<-done
					for row := range 25 * rowsPerCall {
						_, dead := f.letters.rows[int64(row)]
						taken := f.wire.taken[fmt.Sprintf("ev%06d", row)]
						if dead != bad(row) || bad(row) && taken > 0 || !bad(row) && taken == 0 {
							t.Fatalf("row %d: dead letter %v, taken %d times, bad %v", row, dead, taken, bad(row))
						}
					}
				})
			})
		}
	}
}

func TestOneRefusedPixelCostsTheRowsThatNameItOnly(t *testing.T) {
	const other = "C4FOREIGN"
	refuse := func(body string) (int, string) {
		if strings.Contains(body, other) {
			return coded(40001, "No permission to operate pixel code: "+other+". You must be an admin or operator of this advertiser account.")(body)
		}
		return 0, ""
	}
	cases := []struct {
		name   string
		chosen pipeline.Reason // by the row
		chunks int
		bad    func(row int) bool
	}{
		{"one row of two hundred", pipeline.InvalidPixel, 2, func(row int) bool { return row == 77 }},
		{"a row of every chunk", pipeline.InvalidPixel, 20, func(row int) bool { return row%rowsPerCall == 5 }},
		{"most rows", pipeline.InvalidPixel, 10, func(row int) bool { return row%10 > 0 }},
		{"one row, where the configuration chooses", "", 2, func(row int) bool { return row == 77 }},
	}
	for _, c := range cases {
		for _, name := range []string{"stub", "sandbox"} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFlow(t, serverNamed(name), tiktok.Config{}, c.chosen)
					if name == "stub" {
						f.wire.say(refuse)
					}
					var all sync.WaitGroup
					pixels := func(row int) string {
						if c.bad(row) {
							return other
						}
						return sandbox.DefaultPixel
					}
					for i := range c.chunks {
						all.Go(func() {
							f.deliver(i*rowsPerCall, rowsPerCall, pixels)
						})
					}
					<-time.After(30 * time.Second)
					if c.chosen == "" { // held, and told; nothing is blamed
						if list := f.status.Troubles("purchases"); len(list) != 1 || list[0].Kind != pipeline.TroubleToken || !strings.Contains(list[0].What, "pixel "+other) {
							t.Errorf("troubles: got %v, want the refused pixel", list)
						}
						if len(f.letters.rows) > 0 {
							t.Errorf("%d dead letters, want none", len(f.letters.rows))
						}
						f.wire.say(always(200, `{"code":0,"message":"OK"}`)) // the permission is given
						all.Wait()
						return
					}
					all.Wait()
					for row := range c.chunks * rowsPerCall {
						why := f.letters.rows[int64(row)]
						if (why != nil) != c.bad(row) || why != nil && why.Reason != pipeline.InvalidPixel {
							t.Fatalf("row %d: dead letter %v, want %v for its pixel", row, why, c.bad(row))
						}
					}
					if list := f.status.Troubles("purchases"); len(list) > 0 {
						t.Errorf("troubles: got %v, want none", list)
					}
				})
			})
		}
	}
}

func TestAServerThatReadsNoCompressedCallsIsGivenOnePlainOne(t *testing.T) {
	for _, name := range []string{"stub", "sandbox"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlow(t, serverNamed(name), tiktok.Config{Gzip: true}, "")
				if name == "stub" {
					f.wire.say(func(body string) (int, string) {
						if !strings.HasPrefix(body, "{") {
							return coded(40002, "Invalid JSON in request body.")(body)
						}
						return 0, ""
					})
				}
				go f.deliver(0, 40, onePixel)
				<-time.After(time.Second)
				go f.deliver(40, 40, onePixel)
				<-time.After(5 * time.Second)
				if list := f.status.Troubles("purchases"); len(list) != 1 || list[0].Kind != pipeline.TroubleConfig || !strings.Contains(list[0].What, "gzip: false") {
					t.Errorf("troubles: got %v, want what to do about gzip", list)
				}
				if len(f.letters.rows) > 0 {
					t.Errorf("%d dead letters, want none", len(f.letters.rows))
				}
				f.wire.mu.Lock()
				defer f.wire.mu.Unlock()
				if plain := len(f.wire.taken); plain != 40 {
					t.Errorf("%d rows were taken, want the 40 of the one plain call", plain)
				}
			})
		})
	}
}
