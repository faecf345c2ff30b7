//go:build synctests

package truth

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
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
	rival      *party // would fill one of them; nil for none
	joined     int    // members so far
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

func newWorld(t *testing.T, r *rand.Rand, log *virtual.Logs, of []kind, rows *writer) *world {
	w := &world{T: t, traits: someOf(of, r), rand: r, log: log, writer: rows, keySchema: firstKey, began: time.Now(),
		tiktok:     sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), Limits: sandbox.NoLimits()}),
		partitions: 3 + r.Int32N(3), written: map[string]map[int32]int64{}, addresses: map[string]string{}}
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
	w.makeTopics()
	w.filler = &party{sync: w.audiences[0].name, config: w.configText()}
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
	w.audiences = []*audience{newAudience("newsletter", "newsletter_opt_in", w.tables)}
	if w.has[syncs] {
		w.audiences = append(w.audiences, newAudience("lapsed", "lapsed", w.tables[:1]))
	}
}

const head = `
kafka: {brokers: ["localhost:9092"], group: truth, session_timeout: 14s, revoke_drain: %ds, protocol: %s}
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
      %s
`

// configText is the daemon's configuration.
func (w *world) configText() string {
	return w.configOf(func(a *audience) (sync, means string) { return a.name, "name: " + a.name })
}

// configOf is a configuration whose syncs have other names, and name the audiences in another way.
func (w *world) configOf(named func(a *audience) (sync, means string)) string {
	protocol := []string{"classic", "next_gen"}[w.rand.IntN(2)]
	var b strings.Builder
	fmt.Fprintf(&b, head, int(w.longest.Seconds())+5, protocol, 1+w.rand.IntN(8), w.longest)
	for _, a := range w.audiences {
		if w.style == fileUpload {
			w.fileText(&b, a)
			continue
		}
		sync, means := named(a)
		fmt.Fprintf(&b, streamed, sync, strings.Join(a.topics(), ", "), w.images(), means, w.mapped("identifiers", a),
			1+w.rand.IntN(1<<w.rand.IntN(8)), w.rand.IntN(2)*w.rand.IntN(1000), w.memory())
	}
	return b.String()
}

func (a *audience) topics() (names []string) {
	for _, t := range a.tables {
		names = append(names, t.topic)
	}
	return names
}

// mapped is which rows are members, and by what they are known.
func (w *world) mapped(identifiers string, a *audience) string {
	suffix := ""
	if w.has[changedColumns] {
		suffix = w.form.suffix
	}
	return fmt.Sprintf("%s: {EMAIL_SHA256: email%s, PHONE_SHA256: phone%s}\n      member_when: %s%s", identifiers, suffix, suffix, a.column, suffix)
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
	case w.memoryless(), w.has[changedColumns] && w.isFull():
		return "full"
	case w.isFull():
		return []string{"full", "auto"}[w.rand.IntN(2)]
	}
	return []string{"key_only", "auto"}[w.rand.IntN(2)]
}

func (w *world) memory() string {
	switch w.style {
	case neverStored:
		return "remember: never"
	case unshared:
		return "unshared: true"
	}
	return []string{"remember: always", "remember: auto"}[w.rand.IntN(2)]
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
	w.note("%s joins, of sync %s", m.Name, p.sync)
}

// start is what the party's next member is started from.
func (w *world) start(p *party) virtual.Start {
	return virtual.Start{Number: w.joined, Config: p.config, Folder: w.writer.folder, Net: &w.net, API: watched{w, p}, Log: w.log}
}

// any is one of them, nil where there is none.
func (w *world) any() *virtual.Member {
	list := virtual.Running(w.filler.members)
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
