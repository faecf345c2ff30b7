//go:build e2e

package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// crowdSync is a streamed audience over rows of JSON. %[1]s is the relay's name.
const crowdSync = `
  - name: people
    topic: %[1]s.rows
    format: flat
    framing: json
    before_image: key_only
    audience_segment:
      audience: {name: People}
      identifiers: {EMAIL_SHA256: email}
      batch: {max_users: 1000, linger: 100ms}
`

// crowd is a table whose rows the test writes, and the audience that they are streamed to.
type crowd struct {
	*feed
	parts int
	table map[int]string // e-mail addresses by the row's number; only one goroutine writes rows at a time
}

func newCrowd(t *testing.T, name string, parts int, o options) *crowd {
	t.Helper()
	c := &crowd{feed: newFeed(t, name, crowdSync, o), parts: parts, table: map[int]string{}}
	c.create(c.rows(), parts)
	c.topics["people"] = []string{c.rows()}
	return c
}

// put gives a row an address, and gone deletes it.
func (c *crowd) put(id int, email string) *kgo.Record {
	c.table[id] = email
	return record(c.rows(), int32(id%c.parts), map[string]any{"id": fmt.Sprint(id), "email": email})
}

func (c *crowd) gone(id int) *kgo.Record {
	delete(c.table, id)
	return &kgo.Record{Topic: c.rows(), Partition: int32(id % c.parts), Key: fmt.Appendf(nil, "%q", fmt.Sprint(id))}
}

// change is any change of any row. Rows share addresses, and give them to each other.
func (c *crowd) change() *kgo.Record {
	id := rand.IntN(2000)
	if rand.IntN(4) == 0 {
		return c.gone(id)
	}
	return c.put(id, fmt.Sprintf("crowd%d@example.com", rand.IntN(3000)))
}

// live changes rows, some hundred a second, until it is told to end; end waits for the last of them.
func (c *crowd) live() (end func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			var records []*kgo.Record
			for range 20 {
				records = append(records, c.change())
			}
			if err := c.writer.ProduceSync(c.t.Context(), records...).FirstErr(); err != nil {
				c.t.Errorf("write rows: %v", err)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return sync.OnceFunc(func() { cancel(); work.Wait() })
}

// isRight waits until everything is told, and compares the audience with the table.
func (c *crowd) isRight(when string) {
	c.t.Helper()
	c.caughtUp()
	same(c.t, "members "+when, c.members("People", "EMAIL_SHA256"), c.people())
}

// people are the digests of the table's addresses.
func (c *crowd) people() (list []string) {
	for _, email := range c.table {
		list = append(list, digest(email))
	}
	return list
}

// cleaned waits until the broker's cleaner has thrown a part of a topic's records away: offsets that hold nothing any more.
func (c *crowd) cleaned(topic string) {
	c.t.Helper()
	until(c.t, "the broker has compacted "+topic, func() bool {
		time.Sleep(time.Second)
		starts, err := c.broker.ListStartOffsets(c.t.Context(), topic)
		if err != nil {
			return false
		}
		offsets := int64(0)
		for id, end := range c.logEnds(topic) {
			offsets += end - starts[topic][id].Offset
		}
		return offsets-int64(len(c.records(topic))) > 100
	})
}

// open is a transaction of our own that lasts for longer than any of an instance that runs; "" where there is none.
func (c *crowd) open() (id string, began time.Time) {
	c.t.Helper()
	all, err := c.broker.ListTransactions(c.t.Context(), nil, []string{"Ongoing"})
	if err != nil {
		c.t.Fatal(err)
	}
	ids := slices.DeleteFunc(all.TransactionalIDs(), func(id string) bool { return !strings.HasPrefix(id, c.name+".") })
	if len(ids) == 0 {
		return "", began
	}
	described, err := c.broker.DescribeTransactions(c.t.Context(), ids...)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range described {
		if at := time.UnixMilli(d.StartTimestamp); d.State == "Ongoing" && time.Since(at) > time.Second {
			return d.TxnID, at
		}
	}
	return "", began
}

// killInTransaction kills an instance while it has a transaction open, and waits until Kafka has ended that. Kafka looks for those whose time is
// over every ten seconds.
func (c *crowd) killInTransaction(p *program.Program) {
	c.t.Helper()
	id, began := "", time.Time{}
	until(c.t, "a transaction is open when the instance stops", func() bool {
		p.Signal(syscall.SIGSTOP)
		time.Sleep(1200 * time.Millisecond) // transactions of the other instance end
		if id, began = c.open(); id == "" {
			p.Signal(syscall.SIGCONT)
			time.Sleep(time.Duration(300+rand.IntN(200)) * time.Millisecond)
		}
		return id != ""
	})
	p.Stop(os.Kill)
	until(c.t, "Kafka has ended the transaction "+id, func() bool { now, _ := c.open(); return now != id })
	lasted := time.Since(began)
	c.t.Logf("the transaction %s of the killed instance ended after %.1f s", id, lasted.Seconds())
	if lasted > 22*time.Second {
		c.t.Errorf("the transaction of the killed instance held the others up for %s", lasted)
	}
}

func TestAnAudienceOfOwnersOutlastsAllFaultsWithTheClassicGroupProtocol(t *testing.T) {
	outlast(t, "ownersclassic", options{kafka: ", protocol: classic"})
}

func TestAnAudienceOfOwnersOutlastsAllFaultsWithTheNewGroupProtocol(t *testing.T) {
	outlast(t, "ownersnextgen", options{kafka: ", protocol: next_gen"})
}

// outlast has two instances stream to an audience under load, while the broker compacts what they remember. One is killed in the middle of a transaction,
// the broker is restarted, and the other instance is frozen for longer than its session. Then TikTok has who is in the table, and nobody once
// every row is deleted.
func outlast(t *testing.T, name string, o options) {
	c := newCrowd(t, name, 6, o)
	first := c.start()
	second, _ := c.another()
	end := c.live()
	defer end()
	until(t, "members are streamed", func() bool { return len(c.owned("claims")) == 1 && c.anyMembers() })
	members, claims := c.owned("members")[0], c.owned("claims")[0]
	for _, topic := range []string{members, claims} {
		c.compact(topic)
		c.cleaned(topic)
	}
	c.killInTransaction(second)
	third, _ := c.another()
	stack(t, "restart", "kafka")
	time.Sleep(10 * time.Second)
	first.Signal(syscall.SIGSTOP)
	time.Sleep(15 * time.Second) // the session lasts ten
	first.Signal(syscall.SIGCONT)
	time.Sleep(10 * time.Second)
	end()
	c.isRight("after all faults")

	var deletes []*kgo.Record
	for id := range c.table {
		deletes = append(deletes, c.gone(id))
	}
	c.produce(deletes)
	c.isRight("once every row is deleted")
	same(t, "rejected rows", c.rejected("people"), nil)
	c.noneFailed()
	for _, p := range []*program.Program{first, third} {
		if code := p.Stop(os.Interrupt); code != 0 {
			t.Errorf("exit code %d after a clean stop, want 0", code)
		}
	}
}

func (c *crowd) anyMembers() bool {
	all := c.tiktok.Audiences()
	return len(all) > 0 && all[0].Members > 0
}

// compact has the broker clean a topic as soon and as often as it can. How long tombstones stay is left as it is: owners rely on it.
func (c *crowd) compact(topic string) {
	c.t.Helper()
	alter(c.t, c.broker, topic, map[string]string{"segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "file.delete.delay.ms": "100"})
}
