//go:build e2e

package story

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// feed is a source without a database: rows of JSON that the test writes itself, so that it knows how many there are and
// where each one is. What must come out is the list of ids it has written.
type feed struct {
	*relay
	writer  *kgo.Client
	written []string // ids of rows that were written and not taken back
	n       int
}

// rowEvents is a sync over such rows. %[1]s is the relay's name; the topic is <name>.rows.
const rowEvents = `
  - name: events
    topic: %[1]s.rows
    format: flat
    framing: json
    start: ${START:-earliest}
    rejected_share: {share: 100%%}
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: Purchase
      event_id: {column: id}
      fields:
        event_time: at
        user.email: email
        page.url: {value: "https://shop.example/"}
        properties.value: value
        properties.currency: currency
        properties.description: pad
`

// newFeed makes the configuration and no topic.
func newFeed(t *testing.T, name, syncs string, o options) *feed {
	t.Helper()
	name += "_" + run
	p := &feed{relay: newRelay(t, name, strings.ReplaceAll(strings.ReplaceAll(syncs, "%[1]s", name), "%%", "%"), o)}
	p.renew()
	return p
}

// renew gives the writer's memory of topics up: it holds on to their ids.
func (p *feed) renew() {
	p.writer = p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
}

// client is one more client of the broker, closed with the test.
func (p *feed) client(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(os.Getenv("E2E_KAFKA")), kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return client
}

// rows is the topic of the sync called events.
func (p *feed) rows() string { return p.name + ".rows" }

// create makes a topic, and waits until the broker knows all of its partitions.
func (p *feed) create(topic string, partitions int, configs ...string) {
	p.t.Helper()
	settings := map[string]*string{}
	for _, c := range configs {
		key, value, _ := strings.Cut(c, "=")
		settings[key] = &value
	}
	if _, err := p.broker.CreateTopic(p.t.Context(), int32(partitions), 1, settings, topic); err != nil {
		p.t.Fatalf("create topic %s: %v", topic, err)
	}
	p.await(topic, partitions)
}

func (p *feed) await(topic string, partitions int) {
	p.t.Helper()
	until(p.t, "topic "+topic+" is there", func() bool {
		ends, err := p.broker.ListEndOffsets(p.t.Context(), topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == partitions
	})
}

// remove deletes a topic, and waits until it is gone.
func (p *feed) remove(topic string) {
	p.t.Helper()
	if _, err := p.broker.DeleteTopic(p.t.Context(), topic); err != nil {
		p.t.Fatalf("delete topic %s: %v", topic, err)
	}
	until(p.t, "topic "+topic+" is gone", func() bool {
		there, err := p.broker.ListTopics(p.t.Context(), topic)
		return err == nil && !there.Has(topic)
	})
	p.renew()
}

// row is a row that TikTok takes; its pad cannot be compressed.
func (p *feed) row(pad int) map[string]any {
	p.n++
	id := "r" + strconv.Itoa(p.n)
	return map[string]any{"id": id, "at": time.Now().UTC().Format(time.RFC3339Nano), "email": id + "@example.com", "value": 1, "currency": "USD", "pad": noise(pad)}
}

func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = letters[rand.IntN(len(letters))]
	}
	return string(text)
}

// record is a row on its way into a partition.
func record(topic string, partition int32, row map[string]any) *kgo.Record {
	value, _ := json.Marshal(row) // strings and numbers
	return &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "%q", row["id"]), Value: value}
}

// write puts n rows into each of the partitions and returns their ids.
func (p *feed) write(topic string, n int, partitions ...int32) []string {
	p.t.Helper()
	ids, records := p.draft(topic, n, 0, nil, partitions...)
	p.produce(records)
	return ids
}

// draft makes n rows for each of the partitions, spoiled where spoil says how, and counts them as written.
func (p *feed) draft(topic string, n, pad int, spoil func(row map[string]any), partitions ...int32) (ids []string, records []*kgo.Record) {
	for range n {
		for _, id := range partitions {
			row := p.row(pad)
			if spoil != nil {
				spoil(row)
			}
			ids, records = append(ids, row["id"].(string)), append(records, record(topic, id, row))
		}
	}
	p.written = append(p.written, ids...)
	return ids, records
}

func (p *feed) produce(records []*kgo.Record) {
	p.t.Helper()
	if err := p.writer.ProduceSync(p.t.Context(), records...).FirstErr(); err != nil {
		p.t.Fatalf("write rows: %v", err)
	}
}

// takeBack forgets rows that nobody can read any more.
func (p *feed) takeBack(ids []string) {
	gone := map[string]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	p.written = slices.DeleteFunc(p.written, func(id string) bool { return gone[id] })
}

// deleteRecords has the broker throw away all that a partition holds, as retention does, and asks until it has.
func (p *feed) deleteRecords(topic string, partitions ...int32) {
	p.t.Helper()
	ends, err := p.broker.ListEndOffsets(p.t.Context(), topic)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, id := range partitions {
		p.deleteBefore(topic, id, ends[topic][id].Offset)
	}
}

func (p *feed) deleteBefore(topic string, id int32, before int64) {
	p.t.Helper()
	o := kadm.Offsets{}
	o.AddOffset(topic, id, before, -1)
	answer, err := p.broker.DeleteRecords(p.t.Context(), o)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		p.t.Fatalf("delete records of %s/%d: %v", topic, id, err)
	}
}

// arrived waits until TikTok has every row that was written. It has no other ones, and none came again.
func (p *feed) arrived(what string) {
	p.t.Helper()
	held := func() []string { return p.events(pixel) }
	patient := time.Now().Add(45 * time.Second)
	for len(held()) < len(p.written) && time.Now().Before(patient) {
		time.Sleep(100 * time.Millisecond)
	}
	same(p.t, what, held(), p.written)
}

// metric is the sum of a metric's samples that have all of the labels, and whether there are any.
func (p *feed) metric(name string, labels ...string) (sum float64, found bool) {
	for line := range strings.Lines(p.get("/metrics")) {
		at, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if !strings.HasPrefix(at, name+"{") || slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(at, l) }) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Errorf("metric %q: %v", line, err)
		}
		sum, found = sum+n, true
	}
	return sum, found
}

// committed are the offsets that the group of a sync has committed in a topic.
func (p *feed) committed(sync, topic string) map[int32]int64 {
	p.t.Helper()
	answer, err := p.broker.FetchOffsets(p.t.Context(), p.name+"."+sync)
	if err != nil {
		p.t.Fatal(err)
	}
	at := map[int32]int64{}
	for id, o := range answer[topic] {
		at[id] = o.At
	}
	return at
}

// logEnds are the ends of a topic's partitions, also behind open transactions.
func (p *feed) logEnds(topic string) map[int32]int64 {
	p.t.Helper()
	ends, err := p.broker.ListEndOffsets(p.t.Context(), topic)
	if err != nil || ends.Error() != nil {
		p.t.Fatal(err, ends.Error())
	}
	at := map[int32]int64{}
	for id, o := range ends[topic] {
		at[id] = o.Offset
	}
	return at
}

// commitsReach waits until the sync's group has committed the ends of the topic's partitions.
func (p *feed) commitsReach(sync, topic string, ends map[int32]int64) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("sync %s has committed the ends %v of %s", sync, ends, topic), func() bool {
		at := p.committed(sync, topic)
		for id, end := range ends {
			if at[id] != end {
				return false
			}
		}
		return true
	})
}

// told reports whether a daemon said something that an operator should read: debugging is none of that.
func told(p *program.Program, words string) bool {
	for line := range strings.Lines(p.Said()) {
		if !contains(line, `"level":"DEBUG"`) && contains(line, words) {
			return true
		}
	}
	return false
}

func contains(text, part string) bool { return strings.Contains(text, part) }

// assigned are the partitions of the sync's rows that the instance at the address reads.
func (p *feed) assigned(admin string) (ids []int32) {
	other := *p.relay
	other.admin = admin
	for line := range strings.Lines(other.get("/metrics")) {
		if strings.HasPrefix(line, "tokrelay_consumer_lag_records{") && contains(line, `topic="`+p.rows()+`"`) {
			_, rest, _ := strings.Cut(line, `partition="`)
			number, _, _ := strings.Cut(rest, `"`)
			if id, err := strconv.Atoi(number); err == nil {
				ids = append(ids, int32(id))
			}
		}
	}
	slices.Sort(ids)
	return ids
}
