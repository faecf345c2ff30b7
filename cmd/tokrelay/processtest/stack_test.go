package processtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/processtest/program"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokrelay-processtest-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "tokrelay")
	build := exec.Command("go", "build", "-race", "-o", binary, "..")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the binary:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const topic = "shop.public.orders"

// stack is the binary's surroundings and the configuration that leads to them.
type stack struct {
	t        *testing.T
	broker   *kfake.Cluster
	door     *door // of the broker
	registry *srfake.Registry
	tiktok   *sandbox.Sandbox
	server   *httptest.Server
	config   string
	token    string // file with the access token
	rows     []pipeline.Record
}

const configText = `
kafka: {brokers: ["%s"], group: test, session_timeout: 6s}
schema_registry: {url: "%s", missing_retry: 200ms}
connections: {main: {access_token_file: "%s", base_url: "%s"}}
admin: {listen: "%s"}
dead_letter: {rejected_topic: test.rejected, failed_topic: test.failed}
syncs:
  - name: orders
    topic: shop.public.orders
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: status, map: {paid: Purchase}}
      event_id: {column: order_uid}
      fields:
        event_time: occurred_at
        user.email: email
        user.phone: {column: phone, default_country: US}
        user.external_id: customer_id
        user.ip: ip
        page.url: page_url
        properties.value: amount
        properties.currency: currency
        properties.contents: items
      batch: {max_events: 200}
`

// newStack starts the stand-ins with n orders in the topic.
func newStack(t *testing.T, n int) *stack {
	t.Helper()
	t.Parallel()
	s := &stack{t: t, door: &door{}, registry: srfake.New(), tiktok: sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), KeepCallBodies: 1000})}
	var err error
	s.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topic), kfake.ListenFn(s.door.listen))
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(s.tiktok)
	t.Cleanup(func() { s.server.Close(); s.registry.Close(); s.broker.Close() })
	if s.rows, err = demo.Orders(s.registry, n); err != nil {
		t.Fatal(err)
	}
	s.produce(s.rows)
	dir := t.TempDir()
	s.config, s.token = filepath.Join(dir, "tokrelay.yaml"), filepath.Join(dir, "token")
	write(t, s.token, sandbox.DefaultToken)
	write(t, s.config, fmt.Sprintf(configText, s.broker.ListenAddrs()[0], s.registry.URL(), s.token, s.server.URL, "127.0.0.1:0"))
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) produce(records []pipeline.Record) {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	batch := make([]*kgo.Record, len(records))
	for i, r := range records {
		batch[i] = &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value}
	}
	if err := client.ProduceSync(s.t.Context(), batch...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// process is a running binary.
type process struct {
	*program.Program
	t *testing.T
}

// start runs the binary; it is killed with the test.
func (s *stack) start() *process {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), binary, "run", "-c", s.config, "--log-level", "debug")
	return &process{program.Start(s.t, cmd), s.t}
}

// caughtUp waits until the group has committed the end of every partition.
func (s *stack) caughtUp() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer cancel()
	infos := s.broker.PartitionInfos(topic)
	_, err := s.broker.WaitGroupInfo(ctx, "test.orders", func(g *kfake.GroupInfo) bool {
		if g == nil {
			return false
		}
		for _, p := range infos {
			if p.HighWatermark > 0 && g.Commits[topic][p.Partition].Offset != p.HighWatermark {
				return false
			}
		}
		return true
	})
	if err != nil {
		s.t.Fatalf("never caught up: %v; the group has %+v", err, s.broker.GroupInfo("test.orders"))
	}
}

// complete waits until everything is committed: then every row is at TikTok, and none of them, all good, is a dead letter.
func (s *stack) complete() {
	s.t.Helper()
	s.caughtUp()
	if got, letters := s.delivered(), s.deadLetters(); got != len(s.rows) || len(letters) != 0 {
		s.t.Errorf("TikTok holds %d different events of %d rows, and %d were dead-lettered", got, len(s.rows), len(letters))
	}
}

// deadLetters are the records of the rejected topic.
func (s *stack) deadLetters() []*kgo.Record {
	s.t.Helper()
	return s.records("test.rejected")
}

func (s *stack) records(name string) []*kgo.Record {
	s.t.Helper()
	want := int64(0)
	for _, p := range s.broker.PartitionInfos(name) {
		want += p.HighWatermark
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.ConsumeTopics(name))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for int64(len(all)) < want {
		fetches := client.PollFetches(s.t.Context())
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// delivered compares TikTok's set of events with the rows' ids, those of dead letters left out.
func (s *stack) delivered() int { return int(s.tiktok.Stats().Events.Accepted) }

// door is the broker's listener; shut, it cuts every connection and lets nobody in.
type door struct {
	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]struct{}
}

func (d *door) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &doorListener{l, d}, err
}

type doorListener struct {
	net.Listener
	door *door
}

func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.door.enter(c) {
			return c, err
		}
		c.Close()
	}
}

func (d *door) enter(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return false
	}
	if d.conns == nil {
		d.conns = map[net.Conn]struct{}{}
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *door) set(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
	for c := range d.conns {
		c.Close()
	}
	clear(d.conns)
}

// get reads a path of the process's admin address, which its log names.
func (p *process) get(path string) string {
	p.t.Helper()
	_, rest, _ := strings.Cut(p.Said(), `"admin":"`)
	address, _, _ := strings.Cut(rest, `"`)
	response, err := http.Get("http://" + address + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}
