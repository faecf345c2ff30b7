//go:build e2e

package story

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is read to recorded ends is read whole. A fetch answer of the broker is full at some size; the partitions that did
// not fit have no records in it, and look like partitions that have none. So each topic here has four partitions of one
// leader, and more in each of them than one answer takes: 8 MiB a leader, 4 MiB a partition.
var four = []int32{0, 1, 2, 3}

const (
	enough = 4 << 20 // bytes of a partition
	bulk   = 5000    // rows of a partition
	pad    = 1100    // bytes of a row, so that bulk rows are more than enough
)

// large checks that the test's topic is what it has to be: partitions of one leader, at least, each larger than an answer of the broker.
func (p *feed) large(topic string, partitions int, bytes int64) {
	p.t.Helper()
	dirs, err := p.broker.DescribeAllLogDirs(p.t.Context(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, dir := range dirs {
		for _, d := range dir {
			for id, at := range d.Topics[topic] {
				if n++; at.Size < bytes {
					p.t.Errorf("partition %s/%d has %d bytes: the test needs more than %d", topic, id, at.Size, bytes)
				}
			}
		}
	}
	if n < partitions {
		p.t.Errorf("topic %s has %d partitions here: the test needs %d of one leader", topic, n, partitions)
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// digests are those of the rows' addresses.
func digests(ids []string) (list []string) {
	for _, id := range ids {
		list = append(list, digest(id+"@example.com"))
	}
	return list
}

const bulkFile = `
  - name: everybody
    topic: %[1]s.rows
    format: flat
    framing: json
    audience_file:
      audience: {name: Everybody}
      identifier: {EMAIL_SHA256: email}
      work_folder: ${WORK_FOLDER}
`

func TestAFileAudienceHasEverybodyOfALargeTable(t *testing.T) {
	p := newFeed(t, "bulkfile", bulkFile, options{env: []string{"WORK_FOLDER=" + t.TempDir()}})
	p.create(p.rows(), len(four))
	ids, records := p.draft(p.rows(), bulk, pad, nil, four...)
	p.produce(records)
	p.large(p.rows(), 3, enough)
	p.run("audience", "upload", "--sync", "everybody")
	same(t, "lines of the file", p.members("Everybody", "EMAIL_SHA256"), digests(ids))
}

// Dead letters as many as a wrong mapping makes: listed, shown, replayed and purged, all of them.
func TestAllOfManyDeadLettersAreListedShownReplayedAndPurged(t *testing.T) {
	p := newFeed(t, "bulkletters", rowEvents, options{})
	p.create(p.rows(), len(four))
	_, records := p.draft(p.rows(), bulk, pad, func(row map[string]any) { row["currency"] = "XXQ" }, four...)
	p.produce(records)
	p.topics["events"] = []string{p.rows()}
	daemon := p.start()
	p.caughtUp()
	p.large(p.name+".rejected", 3, enough)
	count := len(p.written)

	if got := p.listed(); got != count {
		t.Errorf("dlq list counts %d letters, want %d", got, count)
	}
	if got := strings.Count(p.run("dlq", "show", "--json", "--limit", "1000000"), `"letter"`); got != count {
		t.Errorf("dlq show shows %d letters, want %d", got, count)
	}

	p.correct("properties.currency: currency", "properties.currency: {column: currency, map: {XXQ: EUR}}")
	said := p.run("dlq", "replay", "--yes")
	same(t, "events after the replay", p.events(pixel), p.written)
	if again := p.run("dlq", "replay", "--yes"); !strings.Contains(again, "Nothing to replay") {
		t.Errorf("a second replay found something to do:\n%s\nthe first one said:\n%s", again, said)
	}

	p.callsAreAllShown(daemon.Said)
	p.run("dlq", "purge", "--before", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--yes")
	starts, err := p.broker.ListStartOffsets(t.Context(), p.name+".rejected")
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for id, end := range p.logEnds(p.name + ".rejected") {
		left += int(end - starts[p.name+".rejected"][id].Offset)
	}
	if left != 0 {
		t.Errorf("%d letters are left after the purge, want none", left)
	}
}

// listed is what dlq list counts.
func (p *feed) listed() int {
	p.t.Helper()
	var list struct{ Total int }
	if err := json.Unmarshal([]byte(p.run("dlq", "list", "--json")), &list); err != nil {
		p.t.Fatalf("dlq list --json printed no JSON: %v", err)
	}
	return list.Total
}

// callsAreAllShown compares the page's list of calls with the topic that holds them, by their number.
func (p *feed) callsAreAllShown(said func() string) {
	p.t.Helper()
	topic := p.name + ".calls"
	want := 0
	for _, r := range p.records(topic) {
		if !r.Attrs.IsControl() {
			want++
		}
	}
	if want == 0 {
		p.t.Fatalf("topic %s has no calls; the daemon said:\n%s", topic, said())
	}
	got := 0
	until(p.t, fmt.Sprintf("the page lists the %d calls of its topic", want), func() bool {
		table, err := csv.NewReader(strings.NewReader(p.get("/api/calls.csv"))).ReadAll()
		got = len(table) - 1
		return err == nil && got >= want
	})
}

const bulkPeople = `
  - name: people
    topic: %[1]s.rows
    format: flat
    framing: json
    before_image: key_only
    audience_segment:
      audience: {name: People}
      identifiers: {EMAIL_SHA256: email, PHONE_SHA256: phone, GAID_SHA256: gaid, IDFA_SHA256: idfa}
      batch: {max_users: 10000, linger: 100ms}
`

// Owners take what they remember of rows from a topic when they start, a partition at a time, and each is larger here than an answer of the
// broker. Who is not remembered keeps an identifier that its row gave up.
func TestAStreamedAudienceRemembersEveryMemberAfterARestart(t *testing.T) {
	p := newFeed(t, "bulkpeople", bulkPeople, options{})
	p.create(p.rows(), len(four))
	p.create(p.name+".audience.7100000000000000001.rows", 1, "retention.ms=-1") // as many as this one has the other two get
	p.topics["people"] = []string{p.rows()}
	person := func(row map[string]any) {
		row["phone"] = fmt.Sprintf("+1415%07d", p.n)
		row["gaid"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", p.n, p.n)
		row["idfa"] = fmt.Sprintf("%08X-0000-4000-8000-%012X", p.n, p.n)
	}
	_, records := p.draft(p.rows(), 4*bulk, 0, person, four...)
	p.produce(records)
	daemon := p.start()
	p.caughtUp()
	if code := daemon.Stop(os.Interrupt); code != 0 {
		t.Fatalf("exit code %d after a clean stop", code)
	}
	p.large(p.name+".audience.7100000000000000001.members", 1, 2*enough)
	p.large(p.name+".audience.7100000000000000001.claims", 1, 2*enough)

	moved := p.move(records, 20)
	p.start()
	p.caughtUp()
	same(t, "members by e-mail", p.members("People", "EMAIL_SHA256"), moved)
}

// move gives every nth of the people another address, and returns the digests of all addresses there are then.
func (p *feed) move(people []*kgo.Record, nth int) (all []string) {
	p.t.Helper()
	var changes []*kgo.Record
	for i, r := range people {
		var row map[string]any
		if err := json.Unmarshal(r.Value, &row); err != nil {
			p.t.Fatal(err)
		}
		if i%nth == 0 {
			row["email"] = "moved." + row["email"].(string)
			changes = append(changes, record(r.Topic, r.Partition, row))
		}
		all = append(all, digest(row["email"].(string)))
	}
	p.produce(changes)
	return all
}
