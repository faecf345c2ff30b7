//go:build synctests

package laws

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// trouble is what the world did to the topic and the group, for the judge.
type trouble struct {
	poison       []int           // faults of TikTok that refuse a row for good
	transactions int             // begun so far
	open         *transaction    // not ended yet
	removed      bool            // retention took rows that may not have been read
	unknown      bool            // some of them before the group had an offset: nobody can know of those
	reset        bool            // offsets of the group were set from outside
	waived       map[int32]int64 // by partition: rows before it need not arrive
	narrow       int32           // bytes of a fetch answer; 0: as many as are asked for
}

// transaction is one that has not ended.
type transaction struct {
	client *kgo.Client
	rows   []*placed
	ends   []int32 // partitions that get a mark at its end
}

// narrow has the broker of some worlds give small answers: most partitions of a request do not fit in, and have nothing in
// the answer though they have records.
func (w *world) narrow() {
	if w.rand.IntN(3) > 0 {
		return
	}
	most := 1<<(9+w.rand.Int32N(5)) + w.rand.Int32N(500)
	w.trouble.narrow = most
	w.broker.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		fetch := r.(*kmsg.FetchRequest)
		fetch.MaxBytes = min(fetch.MaxBytes, most)
		return nil, nil, false
	})
}

// addPartitions makes the topic larger.
func (w *world) addPartitions() {
	more := 1 + w.rand.IntN(2)
	if w.partitions > 8 {
		return
	}
	if _, err := kadm.NewClient(w.client).CreatePartitions(w.Context(), more, topic); err != nil {
		w.Fatalf("add partitions: %v", err)
	}
	w.partitions += int32(more)
	w.client.Close()
	w.client = w.newClient() // so that it knows them
}

// remake deletes the topic and makes it again. Rows of the old one may have been read or not.
func (w *world) remake() {
	w.endTransaction()
	if err := w.broker.DeleteTopic(topic); err != nil {
		w.Fatalf("delete topic: %v", err)
	}
	<-time.After(time.Duration(w.rand.IntN(2)*w.rand.IntN(3000)) * time.Millisecond)
	if err := w.broker.CreateTopic(topic, w.partitions, nil); err != nil {
		w.Fatalf("create topic: %v", err)
	}
	w.client.Close()
	w.client = w.newClient() // the old one counts on from the old topic
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	for _, f := range w.watch.fates {
		f.maybe = true
	}
	w.watch.made++
	w.moved = true
	clear(w.written)
	clear(w.trouble.waived)
}

// transact ends a transaction that is open, or writes rows within one, which is committed, aborted or left open.
func (w *world) transact() {
	if w.trouble.open != nil {
		w.endTransaction()
		return
	}
	w.trouble.transactions++
	id := fmt.Sprintf("source-%d", w.trouble.transactions)
	t := &transaction{client: w.newClient(kgo.TransactionalID(id), kgo.TransactionTimeout(14*time.Minute))}
	if err := t.client.BeginTransaction(); err != nil {
		w.Fatal(err)
	}
	for range 1 + w.rand.IntN(3) {
		partition := w.rand.Int32N(w.partitions)
		for range 1 + w.rand.IntN(10) {
			w.putWithin(t, partition)
		}
	}
	if err := t.client.Flush(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.trouble.open = t
	if w.rand.IntN(4) > 0 {
		w.endTransaction()
	}
}

func (w *world) putWithin(t *transaction, partition int32) {
	record, f := w.table.next()
	f.key = string(record.Key)
	if f.poison {
		w.refuse(f.id)
	}
	row := &placed{fate: f, open: true}
	t.rows = append(t.rows, row)
	w.put(t.client, partition, record, row)
	for _, id := range t.ends {
		if id == partition {
			return
		}
	}
	t.ends = append(t.ends, partition)
}

// endTransaction commits or aborts the open transaction. Its mark is one more record of each of its partitions. Where
// answers are small all are committed: an answer of the embedded broker that is full does not say what was aborted.
func (w *world) endTransaction() {
	t := w.trouble.open
	if t == nil {
		return
	}
	w.trouble.open = nil
	commit := kgo.TransactionEndTry(w.rand.IntN(2) == 0 || w.trouble.narrow > 0)
	w.watch.mu.Lock()
	for _, row := range t.rows {
		row.open = false
		if commit == kgo.TryAbort {
			row.fate = fate{outcome: pipeline.Skipped, id: row.id}
		}
	}
	w.watch.mu.Unlock()
	for _, partition := range t.ends {
		w.note(partition, &placed{fate: fate{outcome: pipeline.Skipped}})
	}
	if err := t.client.EndTransaction(w.Context(), commit); err != nil {
		w.Errorf("end transaction: %v", err)
	}
	t.client.Close()
}

// retain removes the older rows of a partition: those that were read, or whatever there is.
func (w *world) retain() {
	if w.trouble.open != nil {
		return
	}
	partition := w.rand.Int32N(w.partitions)
	committed, began := w.commits()[partition]
	before := w.written[partition]
	if w.rand.IntN(2) == 0 {
		before = min(before, committed)
	}
	if before > 0 && w.rand.IntN(2) == 0 {
		before = w.rand.Int64N(before) + 1
	}
	if before == 0 {
		return
	}
	if before > committed || w.watch.made > 0 {
		w.trouble.removed, w.trouble.unknown, w.moved = true, w.trouble.unknown || !began, true
		w.waive(partition, before)
	}
	if err := w.broker.DeleteRecords(topic, partition, before); err != nil {
		w.Errorf("delete records: %v", err)
	}
}

// waive lets rows before an offset be missing, those that are yet to be written too.
func (w *world) waive(partition int32, before int64) {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	if w.trouble.waived == nil {
		w.trouble.waived = map[int32]int64{}
	}
	w.trouble.waived[partition] = max(w.trouble.waived[partition], before)
	for at, f := range w.watch.fates {
		f.maybe = f.maybe || at.made == w.watch.made && at.partition == partition && at.offset < before
	}
}

// reset stops everybody and moves the group: back, forward, or beyond the end of the log.
func (w *world) reset() {
	for _, m := range w.members {
		m.Leave()
		_ = m.Ended() // told of when all part
	}
	for range 90 { // those that crashed are in the group until their session ends
		if info := w.broker.GroupInfo(group); info == nil || len(info.Members) == 0 {
			break
		}
		w.evict()
		<-time.After(2 * time.Second)
	}
	offsets, commits := kadm.Offsets{}, w.commits()
	for id := range w.partitions {
		if to := w.otherOffset(id, commits[id]); to >= 0 {
			offsets.AddOffset(topic, id, to, -1)
		}
	}
	w.trouble.reset, w.moved = true, true
	w.setBlind(true)
	_ = kadm.NewClient(w.client).CommitAllOffsets(w.Context(), group, offsets) // a group that is not empty refuses
	w.setBlind(false)
	w.join()
}

func (w *world) setBlind(blind bool) {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	w.watch.blind = blind
}

// otherOffset is where a partition is moved; -1 leaves it. What is passed over need not arrive.
func (w *world) otherOffset(id int32, committed int64) int64 {
	end := w.written[id]
	to := int64(-1)
	switch w.rand.IntN(4) {
	case 0:
		return w.rand.Int64N(committed + 1)
	case 1:
		to = committed + w.rand.Int64N(max(end-committed, 0)+1)
	case 2:
		to = end + 1 + w.rand.Int64N(100)
	}
	if to >= 0 {
		w.waive(id, to)
	}
	return to
}
