//go:build synctests

package truth

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// world is the tables, the broker with their log, TikTok, and the members that keep one up to date with the other.
type world struct {
	*testing.T
	traits
	rand    *rand.Rand
	log     *virtual.Logs
	net     kfake.VirtualNetwork
	broker  *kfake.Cluster
	pulse   *virtual.Pulse
	tiktok  *sandbox.Sandbox
	api     http.RoundTripper
	client  *kgo.Client
	writer  *writer
	longest time.Duration // of a call

	tables     []*table
	audiences  []*audience
	filler     *party // fills the audiences
	second     *party // fills one of them too; nil for none
	rival      *party // would fill one of them; nil for none
	restless   atomic.Bool
	naps       naps
	refused    map[string]bool // digests that TikTok refuses
	joined     int             // members so far
	partitions int32
	written    map[string]map[int32]int64 // records by topic and partition
	keySchema  int
	form       form              // of changed columns
	keyed      bool              // before-images hold the key alone
	unique     int               // addresses made so far
	addresses  map[string]string // by digest
	began      time.Time
	story      []string
}

// naps says when members freeze for a moment: how often in 1,000 places.
type naps struct {
	sync.Mutex
	rand  *rand.Rand
	often int
}

func newWorld(t *testing.T, r *rand.Rand, log *virtual.Logs, of []kind, rows *writer) *world {
	w := &world{T: t, traits: someOf(of, r), rand: r, log: log, writer: rows, keySchema: firstKey, began: time.Now(),
		tiktok:     sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), Limits: sandbox.NoLimits()}),
		partitions: 3 + r.Int32N(3), written: map[string]map[int32]int64{}, addresses: map[string]string{}, refused: map[string]bool{}}
	w.keyed = w.style == fileUpload && r.IntN(2) == 0 && !w.has[changedColumns]
	w.form = w.someForm()
	w.api = w.tiktok.Transport()
	w.longest = time.Duration(3+r.IntN(7)) * time.Second
	if w.has[late] {
		w.api = lateCalls{w.api, w.longest}
	}
	var err error
	if w.broker, err = virtual.NewBroker(&w.net); err != nil {
		t.Fatal(err)
	}
	w.pulse = virtual.NewPulse(w.broker)
	w.naps.rand = rand.New(rand.NewPCG(r.Uint64(), 1))
	if w.has[freezes] {
		w.naps.often = r.IntN(3) * r.IntN(15)
	}
	w.makeTopics()
	w.filler = &party{group: "truth"}
	w.filler.config = w.configText()
	if w.client, err = virtual.NewClient(&w.net, w.broker); err != nil {
		t.Fatal(err)
	}
	return w
}

// makeTopics makes the tables and the log behind each.
func (w *world) makeTopics() {
	names := []string{"shop.public.customers"}
	if w.has[topics] {
		names = append(names, "shop.eu.customers")
	}
	configs := map[string]string{"cleanup.policy": "delete"}
	if w.has[compaction] || w.has[vanishing] {
		configs = map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "864000000"}
	}
	for _, name := range names {
		if err := w.broker.CreateTopic(name, w.partitions, configs); err != nil {
			w.Fatal(err)
		}
		w.written[name] = map[int32]int64{}
		w.tables = append(w.tables, newTable(name))
	}
	w.makeOwners()
	w.audiences = []*audience{{name: "newsletter", streams: []*stream{newStream("newsletter", "newsletter_opt_in", w.tables)}}}
	if w.has[together] {
		w.audiences[0].streams = append(w.audiences[0].streams, newStream("returning", "lapsed", w.tables[:1+w.rand.IntN(len(w.tables))]))
	}
	if w.has[syncs] {
		w.audiences = append(w.audiences, &audience{name: "lapsed", streams: []*stream{newStream("lapsed", "lapsed", w.tables[:1])}})
	}
	if w.has[refusals] {
		for i := range 3 {
			w.refused[sum(fmt.Sprintf("p%d@shop.example", i))] = true
			w.refused[sum(fmt.Sprintf("u%d@shop.example", 7*i))] = true
		}
		w.refuse()
	}
}

// makeOwners makes the queues of the audiences' rows as an operator may, with fewer partitions than they get by themselves: each costs time.
func (w *world) makeOwners() {
	parts := 1 + w.rand.Int32N(5)
	for _, group := range []string{"truth", "rivals"} {
		for _, id := range []string{"7100000000000000001", "7100000000000000002"} {
			if err := w.broker.CreateTopic(group+".audience."+id+".rows", parts, map[string]string{"retention.ms": "-1"}); err != nil {
				w.Fatal(err)
			}
		}
	}
}

const head = `
kafka: {brokers: ["localhost:9092"], group: %s, session_timeout: 14s, revoke_drain: %ds, protocol: %s}
schema_registry: {folder: "${FOLDER}", missing_retry: 1s}
connections: {main: {advertiser_id: "7000000000000000001", access_token: sandbox-token, calls_in_flight: %d, timeout: %v, limits: {segment: 1000, other: 1000}}}
syncs:
`

const streamed = `
  - name: %s
    topics: [%s]
    %s
    rejected_share: {share: 100%%}
    retry: {attempts: 1000}
    audience_segment:
      audience: {%s}
      %s
      batch: {max_users: %d, linger: %dms}
`

// block is a sync of a configuration: what it is called there, and how it names its audience.
type block struct {
	a     *audience
	s     *stream
	sync  string
	means string
}

// configText is the first party's configuration. A second sync of an audience may have its own.
func (w *world) configText() string {
	var list []block
	for _, a := range w.audiences {
		for i, s := range a.streams {
			if i > 0 && w.rand.IntN(2) == 0 {
				continue
			}
			s.by = w.filler
			list = append(list, block{a, s, s.sync, "name: " + a.name})
		}
	}
	return w.configOf(w.filler.group, list...)
}

func (w *world) configOf(group string, list ...block) string {
	protocol := []string{"classic", "next_gen"}[w.rand.IntN(2)]
	var b strings.Builder
	fmt.Fprintf(&b, head, group, int(w.longest.Seconds())+5, protocol, 1+w.rand.IntN(8), w.longest)
	for _, of := range list {
		if w.style == fileUpload {
			w.fileText(&b, of.a)
			continue
		}
		fmt.Fprintf(&b, streamed, of.sync, strings.Join(of.s.topics(), ", "), w.images(), of.means, w.mapped("identifiers", of.s),
			1+w.rand.IntN(1<<w.rand.IntN(8)), w.rand.IntN(2)*w.rand.IntN(1000))
	}
	return b.String()
}

func (s *stream) topics() (names []string) {
	for _, t := range s.tables {
		names = append(names, t.topic)
	}
	return names
}

// mapped is which rows are members, and by what they are known.
func (w *world) mapped(identifiers string, s *stream) string {
	suffix := ""
	if w.has[changedColumns] {
		suffix = w.form.suffix
	}
	return fmt.Sprintf("%s: {EMAIL_SHA256: email%s, PHONE_SHA256: phone%s}\n      member_when: %s%s", identifiers, suffix, suffix, s.column, suffix)
}

// images is what the sync says of its source's rows.
func (w *world) images() string {
	lines := "before_image: " + w.beforeImage()
	if w.has[changedColumns] {
		lines += "\n    after_image: changed"
	}
	if w.has[softDeletes] {
		lines += "\n    deleted_when: {column: gaid, equals: gone}"
	}
	return lines
}

// beforeImage is what old rows hold. PostgreSQL's, and those of connectors that write changed columns, count as key_only where the sync
// says nothing.
func (w *world) beforeImage() string {
	switch {
	case w.has[changedColumns] && w.isFull():
		return "full"
	case w.isFull():
		return []string{"full", "auto"}[w.rand.IntN(2)]
	}
	return []string{"key_only", "auto"}[w.rand.IntN(2)]
}

// end closes what the world is made of. Goroutines that are left over fail the test: virtual time waits for all.
func (w *world) end() {
	w.client.Close()
	w.broker.Close()
}

// join starts a member of those that fill the audiences.
func (w *world) join() { w.joinAs(w.filler) }

func (w *world) joinAs(p *party) {
	w.Helper()
	m, err := virtual.Join(w.start(p))
	if err != nil {
		w.Fatal(err)
	}
	w.joined++
	p.members = append(p.members, m)
	w.note("%s of group %s joins", m.Name, p.group)
}

// start is what the party's next member is started from.
func (w *world) start(p *party) virtual.Start {
	return virtual.Start{Number: w.joined, Config: p.config, Folder: w.writer.folder, Net: &w.net, API: watched{w, p}, Nap: w.nap, Log: w.log}
}

// any is one of those that fill the audiences, nil where there is none.
func (w *world) any() *virtual.Member {
	var list []*virtual.Member
	for _, p := range w.fillers() {
		list = append(list, virtual.Running(p.members)...)
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rand.IntN(len(list))]
}

// note keeps what happened, for a test that fails.
func (w *world) note(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%8s ", time.Since(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// String is the row as the story has it.
func (r *row) String() string {
	return fmt.Sprintf("email %s phone %s opt-in %t lapsed %t", &r.email, &r.phone, r.optIn, r.lapsed)
}

func (c *cell) String() string {
	switch {
	case c.text == nil:
		return "NULL"
	case c.broken:
		return fmt.Sprintf("%q (broken)", *c.text)
	}
	return fmt.Sprintf("%q", *c.text)
}
