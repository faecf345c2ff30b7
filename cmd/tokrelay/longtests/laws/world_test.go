//go:build synctests

package laws

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const (
	topic    = "shop.public.orders"
	group    = "law.orders"
	rejected = "law.rejected"
	failed   = "law.failed"
)

// world is a broker, a TikTok, and the members of one sync's group.
type world struct {
	*testing.T
	rand       *rand.Rand
	net        kfake.VirtualNetwork
	broker     *kfake.Cluster
	tiktok     *sandbox.Sandbox
	watch      *watch
	pulse      *virtual.Pulse
	client     *kgo.Client
	table      *table
	written    map[int32]int64 // by partition
	partitions int32
	config     string
	members    []*virtual.Member
	refusals   []int // faults of TikTok that pass
	faults     []*kfake.FaultHandle
	misnames   bool // TikTok names the wrong row now and then
	moved      bool // partitions may have moved
	log        *virtual.Logs
	trouble    trouble
}

func newWorld(t *testing.T, r *rand.Rand, log *virtual.Logs, config string, partitions int32) *world {
	w := &world{T: t, rand: r, log: log, misnames: r.IntN(2) == 0, partitions: partitions, config: config, written: map[int32]int64{}, tiktok: sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), Limits: sandbox.NoLimits()})}
	var err error
	w.broker, err = virtual.NewBroker(&w.net, kfake.SeedTopics(partitions, topic))
	if err != nil {
		t.Fatal(err)
	}
	w.watch = newWatch(t, w.broker, topic, group, w.tiktok)
	w.pulse = virtual.NewPulse(w.broker)
	w.table = newTable(t, "orders", r)
	w.client = w.newClient()
	w.narrow()
	return w
}

func (w *world) newClient(opts ...kgo.Opt) *kgo.Client {
	client, err := virtual.NewClient(&w.net, w.broker, opts...)
	if err != nil {
		w.Fatal(err)
	}
	return client
}

// end closes what the world is made of. Goroutines that are left over fail the test: virtual time waits for all.
func (w *world) end() {
	w.client.Close()
	w.broker.Close()
}

// join starts a member.
func (w *world) join() *virtual.Member {
	w.Helper()
	m, err := virtual.Join(w.start())
	if err != nil {
		w.Fatal(err)
	}
	w.moved = w.moved || len(w.members) > 0
	w.members = append(w.members, m)
	return m
}

func (w *world) start() virtual.Start {
	return virtual.Start{Number: len(w.members), Config: w.config, Folder: w.table.folder, Net: &w.net, API: w.watch.calls, Log: w.log}
}

// produce writes n random rows.
func (w *world) produce(n int) {
	for range n {
		record, f := w.table.next()
		w.write(record, f)
		if f.outcome == pipeline.Delivered && w.rand.IntN(20) == 0 {
			w.write(record, f) // once more, as after a connector's restart
		}
		if f.poison {
			w.refuse(f.id)
		}
	}
	if err := w.client.Flush(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// write notes the row's fate before anyone can read it.
func (w *world) write(r pipeline.Record, f fate) {
	f.key = string(r.Key)
	w.put(w.client, w.rand.Int32N(w.partitions), r, &placed{fate: f})
}

// put writes a row at the end of a partition.
func (w *world) put(client *kgo.Client, partition int32, r pipeline.Record, f *placed) {
	at := w.note(partition, f)
	client.Produce(w.Context(), &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value}, func(r *kgo.Record, err error) {
		if err != nil || r.Offset != at.offset {
			w.Errorf("write row: error %v, offset %d, want %d", err, r.Offset, at.offset)
		}
	})
}

// note keeps the fate of what comes next in a partition.
func (w *world) note(partition int32, f *placed) place {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	at := place{w.watch.made, partition, w.written[partition]}
	w.written[partition]++
	f.maybe = f.maybe || at.offset < w.trouble.waived[partition]
	w.watch.fates[at] = f
	return at
}

// refuse has TikTok refuse the row: it names the field, or nothing, or by an index another row.
func (w *world) refuse(id string) {
	f := sandbox.Fault{Name: "poison", ID: id, Code: 40002, Message: sandbox.RowMessage}
	switch n := w.rand.IntN(3); {
	case n == 0:
		f.Message = "Invalid parameters."
	case n == 1 && w.misnames:
		wrong := w.rand.IntN(20)
		f.Message, f.RowIndex = "data.{i}.properties.value: Not a valid number", &wrong
	}
	w.trouble.poison = append(w.trouble.poison, w.tiktok.AddFault(f))
}

// quiet ends all trouble but the poison rows, and what is left of the broker's faults: those pass by themselves, and
// nothing that comes after them may be needed to get over them.
func (w *world) quiet() {
	for _, id := range w.refusals {
		w.tiktok.RemoveFault(id)
	}
	w.tiktok.GrantToken(sandbox.Token{Value: sandbox.DefaultToken})
	w.endTransaction()
	w.watch.mu.Lock()
	w.watch.refuse = 0
	w.watch.mu.Unlock()
	for _, m := range virtual.Running(w.members) {
		m.Link.Restore()
	}
	if len(virtual.Running(w.members)) == 0 {
		w.join()
	}
	if w.rand.IntN(2) == 0 {
		w.moody(randomOf(w, brokerMoods))
	}
}

// longest is how long the members may take, once all is quiet: TikTok's holds are the longest of what they wait for.
const longest = 3 * time.Hour

// settle waits until every row that has to be has settled, the group has committed them all, and says that nothing is left.
func (w *world) settle() {
	w.Helper()
	w.await("settled and committed every row", w.unsettledAmongOthers())
	w.await("said that it is behind by nothing", w.behind)
}

// unsettledAmongOthers is unsettled while rows go on to come: without any that TikTok accepts no row is blamed, and the last
// bad one would wait for ever.
func (w *world) unsettledAmongOthers() func() string {
	looked := 0
	return func() string {
		if looked++; looked%15 == 0 {
			w.produce(1)
		}
		return w.unsettled()
	}
}

// await waits until nothing is left to tell of.
func (w *world) await(what string, left func() string) {
	w.Helper()
	began := time.Now()
	for looked := 1; ; looked++ {
		missing := left()
		if missing == "" {
			return
		}
		if time.Since(began) > longest {
			w.Errorf("%v passed and the group has not %s: %s", longest, what, missing)
			return
		}
		if looked%90 == 0 {
			w.evict()
		}
		<-time.After(2 * time.Second)
	}
}

// unsettled names a row that has to arrive and has not, or a partition whose commit does not pass one; nothing when there is none.
func (w *world) unsettled() string {
	commits := w.commits()
	taken := w.taken()
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	for at, f := range w.watch.fates {
		switch {
		case f.maybe || at.made != w.watch.made:
		case f.outcome == pipeline.Delivered && taken[f.id] == 0, f.outcome == pipeline.DeadLettered && w.watch.letters[f.key] == "":
			return fmt.Sprintf("%+v is not %v", at, f.outcome)
		case commits[at.partition] <= at.offset && f.key != "":
			return fmt.Sprintf("partition %d is committed at %d, and has the row %d", at.partition, commits[at.partition], at.offset)
		}
	}
	return ""
}

// commits are the group's offsets in the topic.
func (w *world) commits() map[int32]int64 {
	at := map[int32]int64{}
	if info := w.broker.GroupInfo(group); info != nil {
		for id, c := range info.Commits[topic] {
			at[id] = c.Offset
		}
	}
	return at
}

// taken is how often TikTok has each event.
func (w *world) taken() map[string]int {
	taken := map[string]int{}
	for _, e := range w.tiktok.Events() {
		taken[e.ID]++
	}
	return taken
}

// behind is what running members say that is left, though nothing is.
func (w *world) behind() string {
	for _, m := range virtual.Running(w.members) {
		c, err := m.Wiring.Metrics.Counts("orders")
		if err != nil {
			w.Fatal(err)
		}
		if c.LagRecords != 0 || c.LagSeconds != 0 {
			return fmt.Sprintf("%s is %d records and %v seconds behind", m.Name, c.LagRecords, c.LagSeconds)
		}
	}
	return ""
}

// evict puts members out of the group that a real broker would not have kept.
func (w *world) evict() {
	if err := w.pulse.Evict(w.Context(), w.client, group); err != nil {
		w.Error(err)
	}
}

// part stops everybody and waits for them.
func (w *world) part() {
	w.Helper()
	for _, f := range w.faults {
		f.Remove()
	}
	virtual.Part(w, w.members)
}
