package audiencefile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// world is what instances share: a topic, the state topic, TikTok, and the rejected topic.
type world struct {
	t       testing.TB
	topic   *topic
	state   *stateTopic
	tiktok  *sandbox.Sandbox
	letters *letterBox
	config  string
	crash   func(step string) error // asked before and after everything an instance does outside; an error kills it
}

func newWorld(t testing.TB, config string) *world {
	return &world{t: t, topic: newTopic(3), state: &stateTopic{}, letters: &letterBox{}, config: config,
		tiktok: sandbox.New(sandbox.Config{Now: time.Now, Limits: sandbox.NoLimits(), Refuse: sandbox.Strict(), KeepCallBodies: 1000})}
}

const plainConfig = `
audience: {name: "Lapsed customers"}
identifier: {EMAIL_SHA256: email}
member_when: member
schedule: "0 3 * * *"
`

// instance is one tokrelay.
type instance struct {
	*world
	*Job
	folder string
	status *pipeline.Status
	log    bytes.Buffer
	counts *metrics.Registry
}

func (w *world) instance(folder string) *instance {
	w.t.Helper()
	plan, steps := planOf(w.t, w.config)
	i := &instance{world: w, folder: folder, status: pipeline.NewStatus(time.Now), counts: metrics.New()}
	reg := metrics.OfSync(i.counts, "lapsed")
	counting := NewMetrics(reg, metrics.NewRows(reg), metrics.NewCalls(reg, "audiencefile"), audience.NewMetrics(reg))
	var err error
	i.Job, err = NewJob(plan, Deps{
		Sync: "lapsed", Advertiser: sandbox.DefaultAdvertiser, API: w.api(), Folder: folder, Letters: w.deadLetters(),
		Source:   build.Source{Spans: w.topic.spans, Read: w.readTopic},
		NewSteps: func() pipeline.Steps { return steps }, Store: w.store(), Status: i.status, Metrics: counting,
		Log: slog.New(slog.NewTextHandler(&i.log, nil)), Parallel: 2,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// compiled are the plans of the tests' configurations: hundreds of instances have the same one.
var compiled sync.Map

type compiledPlan struct {
	plan  Plan
	steps pipeline.Steps
}

// planOf is a plan of the caller's own, with steps that decode for it.
func planOf(t testing.TB, config string) (*Plan, pipeline.Steps) {
	t.Helper()
	known, ok := compiled.Load(config)
	if !ok {
		cfg, cols := Config{}, &mapping.Columns{}
		report := settings.Load([]byte(config), &cfg, settings.Lookup{})
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		plan, err := New(cfg, cols, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		known = compiledPlan{*plan, steps(cols)}
		compiled.Store(config, known)
	}
	own := known.(compiledPlan)
	return &own.plan, own.steps
}

// tempDir is a folder in memory where the system has a place for that: builds sync what they keep, and disks are slow.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tokrelay-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (w *world) step(name string) error {
	if w.crash == nil {
		return nil
	}
	return w.crash(name)
}

// row is what a record of the tests holds: email, member and an operation; decode reads "c|email|true", and "t" as a
// truncate.
func steps(cols *mapping.Columns) pipeline.Steps {
	email, member := cols.Index("email"), cols.Index("member")
	names, _ := cols.Wanted()
	shape := &pipeline.Shape{Names: names}
	return pipeline.Steps{
		Decode: func(_ context.Context, r *pipeline.Record, c *pipeline.Change) error {
			c.Reset()
			if c.Key = r.Key; r.Value == nil {
				c.Op = pipeline.Delete
				return nil
			}
			op, rest, _ := bytes.Cut(r.Value, []byte("|"))
			if string(op) == "t" {
				return pipeline.SkipTruncate
			}
			address, flag, ok := bytes.Cut(rest, []byte("|"))
			if !ok {
				return pipeline.Reject(pipeline.StageDecode, pipeline.AvroDecode, "", "two bars")
			}
			c.Shape, c.Op = shape, map[string]pipeline.Op{"c": pipeline.Insert, "u": pipeline.Update, "d": pipeline.Delete}[string(op)]
			image := &c.After
			if c.Op == pipeline.Delete {
				image = &c.Before
			}
			image.Present = true
			image.Values = slices.Grow(image.Values[:0], len(names))[:len(names)]
			image.Values[email] = pipeline.StringValue(address)
			if len(address) == 0 {
				image.Values[email] = pipeline.NullValue()
			}
			image.Values[member] = pipeline.BoolValue(string(flag) == "true")
			return nil
		},
		Pass: func(*pipeline.Change) error { return nil },
	}
}

// topic is a source topic. Keys stay in their partition.
type topic struct {
	mu         sync.Mutex
	partitions [][]pipeline.Record
	starts     []int64
	table      map[string]string // what a database would hold: key → address of members
	during     func(read int)    // called while an instance reads
	id         string
}

func newTopic(n int) *topic {
	return &topic{partitions: make([][]pipeline.Record, n), starts: make([]int64, n), table: map[string]string{}, id: "t1"}
}

func (t *topic) write(key, value string) {
	sum := sha256.Sum256([]byte(key))
	t.writeTo(int(sum[0])%len(t.partitions), key, value)
}

func (t *topic) writeTo(partition int, key, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := pipeline.Record{Topic: "customers", Partition: int32(partition), Offset: int64(len(t.partitions[partition])), Timestamp: time.Now(), Key: []byte(key)}
	if value != "" {
		r.Value = []byte(value)
	}
	t.partitions[partition] = append(t.partitions[partition], r)
	t.apply(key, value)
}

// apply keeps the table the topic is a log of.
func (t *topic) apply(key, value string) {
	fields := strings.Split(value, "|")
	if len(fields) == 3 && fields[0] != "d" && fields[2] == "true" && strings.Contains(fields[1], "@") {
		t.table[key] = fields[1]
		return
	}
	delete(t.table, key)
}

// members is what the audience should hold.
func (t *topic) members() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	set := map[string]bool{}
	for _, address := range t.table {
		sum := sha256.Sum256([]byte(strings.ToLower(address)))
		set[hex.EncodeToString(sum[:])] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func (t *topic) spans(context.Context) ([]build.Span, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []build.Span
	for i, p := range t.partitions {
		list = append(list, build.Span{Topic: "customers", TopicID: t.id, Partition: int32(i), From: t.starts[i], To: int64(len(p))})
	}
	return list, nil
}

func (w *world) readTopic(ctx context.Context, spans []build.Span, each func(*pipeline.Record) error) error {
	if err := w.step("read"); err != nil {
		return err
	}
	read := 0
	for _, s := range spans {
		for at := s.From; at < s.To; at++ {
			w.topic.mu.Lock()
			r := w.topic.partitions[s.Partition][at]
			w.topic.mu.Unlock()
			if r.Topic == "" {
				continue // compacted away
			}
			if err := each(&r); err != nil {
				return err
			}
			if read++; w.topic.during != nil {
				w.topic.during(read)
			}
		}
	}
	return w.step("read all")
}

// compact drops what later records replace, as a broker may at any time.
func (t *topic) compact() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.partitions {
		seen := map[string]bool{}
		for i := len(p) - 1; i >= 0; i-- {
			if key := string(p[i].Key); seen[key] {
				p[i] = pipeline.Record{}
			} else if p[i].Topic != "" {
				seen[key] = true
			}
		}
	}
}

// stateTopic is the state topic.
type stateTopic struct {
	mu      sync.Mutex
	records []pipeline.Record
}

func (w *world) store() *state.Store {
	return state.NewStore(state.Log{
		Topic: "state",
		Ends: func(context.Context) (string, map[int32]int64, error) {
			w.state.mu.Lock()
			defer w.state.mu.Unlock()
			return "", map[int32]int64{0: int64(len(w.state.records))}, nil
		},
		Read: func(_ context.Context, _ string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			w.state.mu.Lock()
			records := slices.Clone(w.state.records[from[0]:to[0]])
			w.state.mu.Unlock()
			for i := range records {
				if err := each(&records[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Produce: func(_ context.Context, records []pipeline.Record) []error {
			errs := make([]error, len(records))
			for i := range records {
				if errs[i] = w.step("before state " + string(records[i].Key)); errs[i] != nil {
					continue
				}
				w.state.add(records[i])
				errs[i] = w.step("after state " + string(records[i].Key))
			}
			return errs
		},
	}, time.Now)
}

func (s *stateTopic) add(r pipeline.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Offset = int64(len(s.records))
	r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	s.records = append(s.records, r)
}

// letterBox is the rejected topic.
type letterBox struct {
	mu    sync.Mutex
	count map[string]int
}

type deadLetters struct{ w *world }

func (w *world) deadLetters() build.DeadLetters { return deadLetters{w} }

func (d deadLetters) Rows(_ context.Context, letters []pipeline.Letter) error {
	if err := d.w.step("before letters"); err != nil {
		return err
	}
	box := d.w.letters
	box.mu.Lock()
	defer box.mu.Unlock()
	if box.count == nil {
		box.count = map[string]int{}
	}
	for _, l := range letters {
		box.count[l.Record.Position()+" "+string(l.Rejection.Reason)]++
	}
	return d.w.step("after letters")
}

// api speaks to the sandbox without a network, in the caller's goroutine: real connections would hold up virtual time.
type api struct{ w *world }

func (w *world) api() API { return api{w} }

func (a api) do(method, endpoint string, query url.Values, contentType string, body []byte) pipeline.Answer {
	if err := a.w.step("before call " + endpoint); err != nil {
		return tiktok.Unanswered(err)
	}
	r, err := http.NewRequest(method, "https://tiktok.test/open_api/v1.3"+endpoint+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		a.w.t.Fatal(err)
	}
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := a.w.tiktok.Transport().RoundTrip(r)
	if err == nil {
		if crashed := a.w.step("after call " + endpoint); crashed != nil {
			return tiktok.Unanswered(crashed)
		}
	}
	if err != nil {
		return tiktok.Unanswered(err)
	}
	text, err := io.ReadAll(resp.Body)
	return tiktok.Classify(resp.StatusCode, text, err)
}

func (a api) Post(_ context.Context, endpoint string, body []byte) pipeline.Answer {
	return a.do("POST", endpoint, nil, "application/json", body)
}

func (a api) Get(_ context.Context, endpoint string, query url.Values) pipeline.Answer {
	return a.do("GET", endpoint, query, "", nil)
}

func (a api) Upload(_ context.Context, endpoint string, parts []tiktok.Part, path string) pipeline.Answer {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, p := range parts {
		_ = form.WriteField(p.Name, p.Value)
	}
	file, _ := form.CreateFormFile("file", filepath.Base(path))
	content, err := os.ReadFile(path)
	if err != nil {
		return pipeline.Answer{Verdict: pipeline.Broken, Message: "read the file to upload"}
	}
	_, _ = file.Write(content)
	_ = form.Close()
	return a.do("POST", endpoint, nil, form.FormDataContentType(), b.Bytes())
}

func (t *topic) key(i int) string { return fmt.Sprintf("key-%d", i) }

// people writes members.
func (w *world) people(from, to int) {
	for i := from; i < to; i++ {
		w.topic.write(fmt.Sprintf("key-%d", i), fmt.Sprintf("c|person%d@example.com|true", i))
	}
}

// held is what TikTok holds of the one audience there should be.
func (w *world) held() (sandbox.Audience, []string) {
	w.t.Helper()
	list := w.tiktok.Audiences()
	if len(list) != 1 {
		w.t.Fatalf("got %d audiences at TikTok, want 1", len(list))
	}
	return list[0], w.tiktok.Members(list[0].ID)["EMAIL_SHA256"]
}

// holdsTheTable fails unless TikTok holds the members of the topic's table.
func (w *world) holdsTheTable() {
	w.t.Helper()
	_, got := w.held()
	if want := w.topic.members(); !slices.Equal(got, want) {
		w.t.Fatalf("TikTok holds %d members, want the table's %d", len(got), len(want))
	}
}

// upload runs once and fails unless it ends as said.
func (i *instance) upload(want Result, o Options) *Manifest {
	i.t.Helper()
	m, err := i.Run(i.t.Context(), o)
	if m == nil || m.Result != want {
		i.t.Fatalf("got %+v, %v; want %s\n%s", m, err, want, i.log.String())
	}
	return m
}

// numbered decodes "c|7|true" into a row whose every identifier is made of the number.
func numbered(cols *mapping.Columns) pipeline.Steps {
	names, _ := cols.Wanted()
	shape := &pipeline.Shape{Names: names}
	return pipeline.Steps{
		Decode: func(_ context.Context, r *pipeline.Record, c *pipeline.Change) error {
			c.Reset()
			n := strings.Split(string(r.Value), "|")[1]
			c.Key, c.Shape, c.Op, c.After.Present = r.Key, shape, pipeline.Insert, true
			for _, name := range names {
				text := map[string]string{"email": "p" + n + "@example.com", "phone": "+491511" + fmt.Sprintf("%07s", n),
					"idfa": "0a7583cd-a667-48bc-b806-" + fmt.Sprintf("%012s", n)}[name]
				c.After.Values = append(c.After.Values, pipeline.StringValue([]byte(text)))
			}
			return nil
		},
		Pass: func(*pipeline.Change) error { return nil },
	}
}
