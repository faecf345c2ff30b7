package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// The law: whatever happens to a table, whatever crashes and however its partitions wander between instances, once all is
// quiet TikTok holds the digests of the rows that are members, and nothing else.
func TestWhenAllIsQuietTikTokHoldsExactlyTheTablesMembers(t *testing.T) {
	for _, s := range []struct {
		name  string
		style style
	}{
		{"full before-images", style{full: true, shared: true, framed: true, compacted: true}},
		{"replica identity default", style{shared: true, framed: true, compacted: true}},
		{"flat rows and tombstones", style{flat: true, shared: true, framed: true, compacted: true}},
		{"changed columns alone", style{changed: true, shared: true}},
		{"an upgrade from keys with their framing", style{full: true, shared: true, framed: true, upgraded: true}},
		{"full before-images and no memory", style{full: true, framed: true, config: "remember: never"}},
		{"full before-images and a promise", style{full: true, framed: true, config: "unshared: true"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for i := range 24 {
				w := newWorld(t, rand.Uint64(), s.style)
				w.instances = 1 + i%2
				w.live()
			}
		})
	}
}

// An instance adds a digest for the sake of another instance's member while that member leaves: the delete came first, the add
// was the last word, and no one looked again. This world had it in one run of forty.
func TestWhatIsAddedForAnotherInstancesMemberIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for range 40 {
		w := newWorld(t, 12255654126214101370, style{flat: true, shared: true})
		w.instances = 2
		w.live()
	}
}

// style is how a source writes changes, and what the sync makes of them.
type style struct {
	full    bool // before-images hold the whole row
	flat    bool // every row is an insert, and a delete is a tombstone
	changed bool // updates hold the columns that changed; a row that joins is whole, as its identifiers are not remembered
	shared  bool // rows share addresses, and keys change
	config  string

	framed    bool // keys begin with the number of their schema, which is registered again now and then
	compacted bool // of the records of a key the topic may keep the last alone
	upgraded  bool // at first a version runs that takes keys with their framing
}

// person is a row of the table.
type person struct {
	email, phone string
	member       bool
}

// What a person's address and number may be overwritten with. A row with one that cannot be used is rejected, and one that says
// nothing is as if nothing was there.
const (
	broken = "deleted"
	says   = "n/a"
)

// isRejected reports whether the person's row cannot be read.
func (p person) isRejected() bool { return p.member && (p.email == broken || p.phone == broken) }

// digests are what TikTok is to hold of the person.
func (p person) digests() map[string]string {
	if !p.member || p.isRejected() {
		return nil
	}
	held := map[string]string{}
	for kind, clear := range map[string]string{"EMAIL_SHA256": p.email, "PHONE_SHA256": p.phone} {
		if clear != "" && clear != says {
			held[kind] = digest(clear)
		}
	}
	return held
}

func (p person) image() pipeline.Image {
	email, phone := pipeline.NullValue(), pipeline.NullValue()
	if p.email != "" {
		email = text(p.email)
	}
	if p.phone != "" {
		phone = text(p.phone)
	}
	return pipeline.Image{Present: true, Values: []pipeline.Value{email, phone, pipeline.BoolValue(p.member)}}
}

// written is a change in the source topic.
type written struct {
	record   pipeline.Record
	change   pipeline.Change
	rejected bool
}

func (w *written) decode(_ context.Context, _ *pipeline.Record, into *pipeline.Change) error {
	*into = w.change
	return nil
}

const partitions = 3

type world struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	style   style
	plan    *Plan
	shape   *pipeline.Shape
	tiktok  *sandbox.Sandbox
	target  string
	members *topic

	instances int // most at the same time
	table     map[int]person
	nextID    int
	schema    int  // of the keys
	old       bool // the version that runs takes keys with their framing
	letters   letterBox
	topic     [partitions][]written
	next      [partitions]int64 // offset
	committed [partitions]int
}

func newWorld(t *testing.T, seed uint64, s style) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), style: s, members: &topic{}, table: map[int]person{}}
	cfg := loaded(t, "audience: {id: \"7\"}\nidentifiers: {EMAIL_SHA256: email, PHONE_SHA256: phone}\nmember_when: member\n"+s.config)
	cols := &mapping.Columns{}
	plan, err := New(cfg, Options{AdvertiserID: sandbox.DefaultAdvertiser, Changed: s.changed, FullBefore: s.full}, cols, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.plan = plan
	w.shape = &pipeline.Shape{}
	w.shape.Names, _ = cols.Wanted()
	w.tiktok, w.target = strict(t)
	w.schema, w.old = 1, s.upgraded
	return w
}

// live lets things happen, then checks the law.
func (w *world) live() {
	for i := range 6 {
		for range w.rng.IntN(60) {
			w.happen()
		}
		if i == 2 {
			w.old = false
		}
		if w.style.framed && !w.old && w.rng.IntN(2) == 0 {
			w.schema++
		}
		w.compact()
		w.run(w.rng.IntN(3) > 0)
	}
	w.run(false)
	w.check()
}

// happen changes the table and writes the change.
func (w *world) happen() {
	if len(w.table) == 0 || w.rng.IntN(4) == 0 {
		w.nextID++
		w.create(w.nextID, w.anyPerson())
		return
	}
	ids := slices.Sorted(maps.Keys(w.table))
	id := ids[w.rng.IntN(len(ids))]
	switch n := w.rng.IntN(10); {
	case n < 2:
		w.drop(id)
	case n == 2 && w.style.shared: // the key changes
		p := w.table[id]
		w.drop(id)
		w.nextID++
		w.create(w.nextID, p)
	default:
		w.change(id)
	}
}

func (w *world) anyPerson() person {
	p := person{member: w.rng.IntN(3) > 0}
	p.email, p.phone = w.email(), w.phone()
	if p.email == "" && (p.phone == "" || p.phone == says) {
		p.email = "someone@x.org"
		if !w.style.shared {
			p.email = w.unique()
		}
	}
	return p
}

func (w *world) unique() string {
	w.nextID++
	return "p" + strconv.Itoa(w.nextID) + "@x.org"
}

func (w *world) email() string {
	switch n := w.rng.IntN(10); {
	case n < 2:
		return []string{"", says}[w.rng.IntN(2)]
	case n == 2 && !w.style.changed: // a row of changed columns does not say again that another one of them is broken
		return broken
	case w.style.shared:
		return "p" + strconv.Itoa(w.rng.IntN(8)) + "@x.org"
	}
	return w.unique()
}

func (w *world) phone() string {
	switch n := w.rng.IntN(10); {
	case n < 4:
		return ""
	case n == 4 && !w.style.changed:
		return broken
	case w.style.shared:
		return "+1213373425" + strconv.Itoa(w.rng.IntN(5))
	}
	w.nextID++
	return "+1213" + strconv.Itoa(3734000+w.nextID)
}

func (w *world) create(id int, p person) {
	w.table[id] = p
	op := pipeline.Insert
	if w.rng.IntN(3) == 0 {
		op = pipeline.Snapshot
	}
	w.write(id, pipeline.Change{Op: op, After: p.image()})
}

func (w *world) change(id int) {
	before := w.table[id]
	p := before
	switch w.rng.IntN(5) {
	case 0:
		p.member = !p.member
	case 3: // an opt-out with an erasure
		if p.member, p.phone = false, broken; w.style.changed {
			p.phone = ""
		}
	case 1:
		p.email = w.email()
	case 2:
		p.phone = w.phone()
	}
	w.table[id] = p
	c := pipeline.Change{Op: pipeline.Update, After: p.image()}
	switch {
	case w.style.flat:
		c.Op = pipeline.Insert
	case w.style.changed && (before.member || !p.member):
		c.Partial = true
		for i, old := range before.image().Values {
			if now := c.After.Values[i]; old.Kind() == now.Kind() && old.Int() == now.Int() && bytes.Equal(old.Bytes(), now.Bytes()) {
				c.After.Values[i] = pipeline.UnavailableValue()
			}
		}
	case w.style.full:
		c.Before, c.BeforeComplete = before.image(), true
	}
	w.write(id, c)
}

func (w *world) drop(id int) {
	before := w.table[id]
	delete(w.table, id)
	c := pipeline.Change{Op: pipeline.Delete, KeyRow: true}
	switch {
	case w.style.full:
		c.Before, c.BeforeComplete, c.KeyRow = before.image(), true, false
	case !w.style.flat: // the key alone is real; other columns hold fillers
		c.Before = person{email: "filler@x.org"}.image()
	}
	value := []byte("a delete")
	if w.style.flat {
		value = nil
	}
	w.put(id, value, c)
	if w.plan.Remembers() && !w.style.flat { // the tombstone behind Debezium's delete
		w.put(id, nil, pipeline.Change{Op: pipeline.Delete, KeyRow: true})
	}
}

func (w *world) write(id int, c pipeline.Change) { w.put(id, []byte("a row"), c) }

func (w *world) put(id int, value []byte, c pipeline.Change) {
	p := id % partitions
	c.Key, c.Shape = []byte(strconv.Itoa(id)), w.shape
	r := pipeline.Record{Topic: "shop.customers", Partition: int32(p), Offset: w.next[p], Key: c.Key, Value: value,
		Timestamp: time.UnixMilli(1_700_000_000_000 + w.next[p])}
	w.next[p]++
	if w.style.framed {
		r.Key = fmt.Appendf(nil, "(%d)%s", w.schema, c.Key)
	}
	w.topic[p] = append(w.topic[p], written{r, c, c.Op != pipeline.Delete && w.table[id].isRejected()})
}

// compact takes the records away that have a later one of the same key, of those that no instance has read yet.
func (w *world) compact() {
	if !w.style.compacted || w.rng.IntN(2) == 0 {
		return
	}
	for p := range w.topic {
		last := map[string]int{}
		for i, r := range w.topic[p] {
			last[string(r.record.Key)] = i
		}
		read := w.committed[p]
		kept := slices.Clone(w.topic[p][:read])
		for i, r := range w.topic[p][read:] {
			if last[string(r.record.Key)] == read+i {
				kept = append(kept, r)
			}
		}
		w.topic[p] = kept
	}
}

// withoutFraming is a key without the number of its schema.
func withoutFraming(r *pipeline.Record) []byte { return r.Key[bytes.IndexByte(r.Key, ')')+1:] }

// framings are all numbers that keys ever had.
func (w *world) framings(string) (list [][]byte) {
	for n := range w.schema {
		list = append(list, fmt.Appendf(nil, "(%d)", n+1))
	}
	return list
}

var (
	errCrash = errors.New("crash")
	errNack  = errors.New("the chunk comes again") // with what has settled of it
)

// run has instances read the topic to its end. Where they may crash, one of their steps fails some time, all they have
// under way ends there, and others go on from what is committed.
func (w *world) run(crashes bool) {
	for !w.done() {
		count := 1 + w.rng.IntN(w.instances)
		owners := make([][]int, count)
		for p := range partitions {
			i := w.rng.IntN(count)
			owners[i] = append(owners[i], p)
		}
		var running sync.WaitGroup
		for _, owned := range owners {
			life := int64(1 << 40)
			if crashes {
				life = int64(w.rng.IntN(60))
			}
			sizes := rand.New(rand.NewPCG(w.rng.Uint64(), 3))
			running.Go(func() { w.instance(owned, life, sizes) })
		}
		running.Wait()
		if w.t.Failed() {
			return
		}
	}
}

func (w *world) done() bool {
	for p := range partitions {
		if w.committed[p] < len(w.topic[p]) {
			return false
		}
	}
	return true
}

// instance is one process: its partitions are worked on at the same time, and its life is a number of steps.
func (w *world) instance(owned []int, life int64, sizes *rand.Rand) {
	ctx, die := context.WithCancelCause(context.Background())
	defer die(nil)
	var steps atomic.Int64
	step := func() error {
		if steps.Add(1) > life {
			die(errCrash)
			return errCrash
		}
		for range rand.IntN(30) { // let others overtake
			runtime.Gosched()
		}
		return nil
	}
	called := func() error {
		// Not with two: a chunk that comes again after its delete has settled does not look whether the other has come to
		// want the digest (decision 0501). The router hands no chunk out again in a process that goes on.
		if w.instances == 1 && life < 1<<40 && rand.IntN(20) == 0 {
			return errNack
		}
		return step()
	}
	deps := Deps{
		Sync: "newsletter", Queue: &queue{plan: w.plan, sandbox: w.tiktok, letters: &w.letters, step: called},
		DeadLetters: &w.letters, Audiences: ids{w.target},
	}
	if !w.old {
		deps.Identity, deps.Framings = withoutFraming, w.framings
	}
	if w.plan.Remembers() {
		deps.Memory = state.NewMembers(w.members.log(step), EachClaim, nil)
	}
	sink := NewSink(w.plan, deps)
	var working sync.WaitGroup
	for _, p := range owned {
		size := 1 + sizes.IntN(12)
		working.Go(func() {
			for w.committed[p] < len(w.topic[p]) {
				n := min(size, len(w.topic[p])-w.committed[p])
				if err := w.chunk(ctx, sink, w.topic[p][w.committed[p]:w.committed[p]+n]); err != nil {
					if !errors.Is(err, errCrash) {
						w.t.Errorf("seed %d: deliver: %v", w.seed, err)
					}
					return
				}
				if step() != nil {
					return // between the last write and the commit
				}
				w.committed[p] += n
			}
		})
	}
	working.Wait()
}

func (w *world) chunk(ctx context.Context, sink *Sink, rows []written) error {
	records := make([]pipeline.Record, len(rows))
	for i := range rows {
		records[i] = rows[i].record
	}
	chunk := pipeline.NewChunk(records)
	for {
		err := w.deliver(ctx, sink, rows, chunk)
		if err == nil && chunk.Left() > 0 {
			return fmt.Errorf("%d rows did not settle", chunk.Left())
		}
		if !errors.Is(err, errNack) || errors.Is(err, errCrash) {
			return err
		}
	}
}

func (w *world) deliver(ctx context.Context, sink *Sink, rows []written, chunk *pipeline.Chunk) error {
	maker := sink.plan.Maker()
	runner := pipeline.Runner{Steps: pipeline.Steps{Make: maker.Make, Leave: maker.Leave}}
	for i := range rows {
		if chunk.Settled(i) != pipeline.Unsettled {
			continue
		}
		runner.Steps.Decode = rows[i].decode
		err := runner.Row(ctx, &chunk.Records[i], i)
		if err == pipeline.SkipNoIdentifier {
			chunk.Settle(i, pipeline.Skipped)
			continue
		}
		rejection, isRejected := err.(*pipeline.Rejection)
		if err != nil && (!isRejected || !rows[i].rejected && rejection.Reason != pipeline.InvalidIdentifier) {
			return fmt.Errorf("make: %w", err)
		}
		if n := len(runner.Items.List); isRejected && (n == 0 || runner.Items.List[n-1].Row != int32(i)) { // the router writes it
			letter := pipeline.Letter{Record: &chunk.Records[i], Rejection: rejection}
			if err := sink.Letters().Rows(ctx, []pipeline.Letter{letter}); err != nil {
				return err
			}
			chunk.Settle(i, pipeline.Skipped)
		}
	}
	return sink.Deliver(ctx, chunk, &runner.Items)
}

func (w *world) check() {
	w.t.Helper()
	want := map[string]map[string]bool{"EMAIL_SHA256": {}, "PHONE_SHA256": {}}
	for _, p := range w.table {
		for kind, d := range p.digests() {
			want[kind][d] = true
		}
	}
	got := w.tiktok.Members(w.target)
	for kind, set := range want {
		if list := slices.Sorted(maps.Keys(set)); !slices.Equal(got[kind], list) {
			w.t.Fatalf("seed %d: %s: got\n%s\nwant\n%s", w.seed, kind, strings.Join(got[kind], "\n"), strings.Join(list, "\n"))
		}
	}
	lettered := map[string]bool{}
	for _, l := range w.letters.letters {
		lettered[l.Record.Position()] = true
	}
	for p := range w.topic {
		for _, r := range w.topic[p] {
			if at := r.record.Position(); r.rejected && !lettered[at] {
				w.t.Errorf("seed %d: the rejected row %s has no letter", w.seed, at)
			}
		}
	}
	if n := w.tiktok.Stats().Warnings[sandbox.InFlight]; n != 0 && w.instances == 1 {
		w.t.Errorf("seed %d: %d adds and deletes of the same digest were under way together", w.seed, n)
	}
}
