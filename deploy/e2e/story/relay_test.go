//go:build e2e

package story

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// relay is a configuration of tokrelay and the TikTok it speaks to. Groups, dead letters and state have its name in front.
type relay struct {
	t      *testing.T
	name   string
	tiktok *sandbox.Sandbox
	broker *kadm.Client
	config string
	env    []string // more of it, for ${VAR} in the configuration
	admin  string
	topics map[string][]string // source topics by sync, as caughtUp asks for them
}

// options are what a test wants otherwise.
type options struct {
	kafka   string // more of the section kafka, after the brokers
	brokers string // default: the plain listener
	tiktok  sandbox.Config
	env     []string // for ${VAR} in the configuration
	syncs   string   // more syncs of a flow; %[1]s is its name
	timeout int      // seconds of one call at most; default 5. The session lasts 5 longer, as a streamed audience needs
}

const head = `
kafka: {brokers: ["%[2]s"], group: %[1]s, session_timeout: %[7]ds%[3]s}
schema_registry: {url: "${E2E_SCHEMAS}"}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${E2E_TOKEN:-sandbox-token}", base_url: "%[4]s", timeout: %[6]ds}}
dead_letter: {rejected_topic: %[1]s.rejected, failed_topic: %[1]s.failed}
state_topic: %[1]s.state
outcomes: {topic: %[1]s.outcomes}
calls: {topic: %[1]s.calls, rate: 64MiB}
admin: {listen: "%[5]s"}
syncs:
`

// newRelay writes the configuration; syncs is its last section.
func newRelay(t *testing.T, name, syncs string, o options) *relay {
	t.Helper()
	o.tiktok.Refuse = sandbox.Strict()
	r := &relay{t: t, name: name, tiktok: sandbox.New(o.tiktok), topics: map[string][]string{}, admin: program.FreeAddress(), env: o.env}
	server := httptest.NewServer(r.tiktok)
	t.Cleanup(server.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("E2E_KAFKA")), kgo.MetadataMinAge(50*time.Millisecond)) // for so long it does not see new topics
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r.broker = kadm.NewClient(client)
	if o.brokers == "" {
		o.brokers = os.Getenv("E2E_KAFKA")
	}
	r.config = filepath.Join(t.TempDir(), "tokrelay.yaml")
	timeout := cmp.Or(o.timeout, 5)
	text := fmt.Sprintf(head, name, o.brokers, o.kafka, server.URL, r.admin, timeout, timeout+5) + syncs
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs the daemon; it is killed with the test.
func (r *relay) start() *program.Program {
	r.t.Helper()
	r.run("check")
	p := program.Start(r.t, r.command("run", "--log-level", "debug"))
	began := time.Now().Format("150405.000")
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("tokrelay said of its readiness:\n%s", r.get("/readyz?verbose"))
		}
		if dir := os.Getenv("E2E_SAID"); dir != "" { // to be read by who runs one test
			_ = os.WriteFile(filepath.Join(dir, r.name+"-"+began+".log"), []byte(p.Said()), 0o600)
		}
	})
	return p
}

// command is tokrelay with the relay's configuration.
func (r *relay) command(args ...string) *exec.Cmd {
	c := exec.Command(tokrelay, append(args, "-c", r.config)...)
	c.Env = append(os.Environ(), r.env...)
	return c
}

// run is a command that ends by itself, and what it printed.
func (r *relay) run(args ...string) string {
	r.t.Helper()
	c := r.command(args...)
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		r.t.Fatalf("tokrelay %v: %v\n%s%s", args, err, out, problems.String())
	}
	return string(out)
}

// second runs another instance of the same configuration, with an address of its own.
func (r *relay) second() *program.Program {
	r.t.Helper()
	p, _ := r.another()
	return p
}

// another is second, and the other instance's address.
func (r *relay) another() (p *program.Program, admin string) {
	r.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	other := *r
	other.config, other.admin = filepath.Join(r.t.TempDir(), "tokrelay.yaml"), program.FreeAddress()
	if err := os.WriteFile(other.config, bytes.ReplaceAll(text, []byte(r.admin), []byte(other.admin)), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return other.start(), other.admin
}

// waitsFor waits until the daemon says on its readiness probe that a sync is held up, in words that hold what.
func (r *relay) waitsFor(what string) {
	r.t.Helper()
	until(r.t, "/readyz says that a sync waits: "+what, func() bool {
		for line := range strings.Lines(r.get("/readyz?verbose")) {
			if strings.HasPrefix(line, "sync ") && strings.Contains(line, what) {
				return true
			}
		}
		return false
	})
}

// get reads a path of the daemon's address; nothing where it does not answer.
func (r *relay) get(path string) string {
	response, err := http.Get("http://" + r.admin + path)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// caughtUp waits until every sync has committed the end of its topics, and then the owners of streamed audiences the ends of theirs:
// whatever a row says is told by then.
func (r *relay) caughtUp() {
	r.t.Helper()
	for name, topics := range r.topics {
		until(r.t, "sync "+name+" has settled everything", func() bool { return r.settled(r.name+"."+name, topics...) })
	}
	for _, stage := range []string{"rows", "claims"} {
		for _, topic := range r.owned(stage) {
			until(r.t, "the group "+topic+" has settled everything", func() bool { return r.settled(topic, topic) })
		}
	}
}

// owned are the topics of a stage, one for each audience that is streamed to. The group that reads one has its name.
func (r *relay) owned(stage string) (list []string) {
	r.t.Helper()
	there, err := r.broker.ListTopics(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range there.Names() {
		if strings.HasPrefix(name, r.name+".audience") && strings.HasSuffix(name, "."+stage) {
			list = append(list, name)
		}
	}
	return list
}

func (r *relay) settled(group string, topics ...string) bool {
	ends, err := r.broker.ListEndOffsets(r.t.Context(), topics...)
	if err != nil || ends.Error() != nil || len(ends) != len(topics) {
		return false
	}
	committed, err := r.broker.FetchOffsets(r.t.Context(), group)
	if err != nil {
		return false
	}
	behind := false
	ends.Each(func(end kadm.ListedOffset) {
		at, ok := committed.Lookup(end.Topic, end.Partition)
		behind = behind || end.Offset > 0 && (!ok || at.At < end.Offset)
	})
	return !behind
}

// records reads a topic from its beginning to its present end, markers of transactions included.
func (r *relay) records(topic string, opts ...kgo.Opt) []*kgo.Record {
	r.t.Helper()
	starts, err := r.broker.ListStartOffsets(r.t.Context(), topic)
	if err != nil {
		r.t.Fatal(err)
	}
	ends, err := r.broker.ListEndOffsets(r.t.Context(), topic)
	if err != nil {
		r.t.Fatal(err)
	}
	var all []*kgo.Record
	for id, start := range starts[topic] {
		if end := ends[topic][id]; start.Err == nil && start.Offset < end.Offset {
			all = append(all, r.partition(topic, id, start.Offset, end.Offset, opts...)...)
		}
	}
	return all
}

func (r *relay) partition(topic string, id int32, from, to int64, opts ...kgo.Opt) (all []*kgo.Record) {
	r.t.Helper()
	from0 := kgo.NewOffset().At(from)
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(os.Getenv("E2E_KAFKA")), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {id: from0}}))...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	for next := from; next < to; {
		fetches := client.PollFetches(r.t.Context())
		if err := fetches.Err(); err != nil {
			r.t.Fatalf("read %s/%d: %v", topic, id, err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			all = append(all, record)
			next = record.Offset + 1
		})
	}
	return all
}
