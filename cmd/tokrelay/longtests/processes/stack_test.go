package processes

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

var raced string // the binary, with the race detector

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokrelay-processes-")
	if err != nil {
		panic(err)
	}
	raced = filepath.Join(dir, "tokrelay")
	if err := build(raced, "-race", "-ldflags=-s -w"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Set("test.parallel", "4") // most of the time they wait: for sessions to run out, for calls to be tried again
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(path string, flags ...string) error {
	out, err := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "../..")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return nil
}

const (
	topic = "shop.public.orders"
	group = "test.orders"
)

// stack is the binary's surroundings and the configuration that leads to them.
type stack struct {
	t        *testing.T
	binary   string
	patience time.Duration // with what is left to be done
	broker   *kfake.Cluster
	registry *srfake.Registry
	tiktok   *sandbox.Sandbox
	doors    struct{ broker, tiktok door }
	config   string
	token    string            // file with the access token
	rows     []pipeline.Record // with their places

	mu      sync.Mutex
	started []*process
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
	s := &stack{t: t, binary: raced, patience: 3 * time.Minute, registry: srfake.New(),
		tiktok: sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), KeepCallBodies: 1000})}
	t.Cleanup(s.registry.Close)
	var err error
	s.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topic), kfake.ListenFn(s.doors.broker.listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.broker.Close)
	server := httptest.NewUnstartedServer(s.tiktok)
	server.Listener = &doorListener{server.Listener, &s.doors.tiktok}
	server.Start()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	s.config, s.token = filepath.Join(dir, "tokrelay.yaml"), filepath.Join(dir, "token")
	write(t, s.token, sandbox.DefaultToken)
	write(t, s.config, fmt.Sprintf(configText, s.broker.ListenAddrs()[0], s.registry.URL(), s.token, server.URL, "127.0.0.1:0"))
	s.fill(n)
	return s
}

// fill writes n orders, once in a test.
func (s *stack) fill(n int) {
	s.t.Helper()
	var err error
	if s.rows, err = demo.Orders(s.registry, n); err != nil {
		s.t.Fatal(err)
	}
	s.produce(s.rows)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// produce writes records and gives them their places.
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
	for i, r := range batch {
		records[i].Partition, records[i].Offset = r.Partition, r.Offset
	}
}
