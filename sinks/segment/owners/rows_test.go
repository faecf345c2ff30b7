package owners

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// entry is a record that was written.
type entry struct {
	key, value []byte
}

// person is what a row of the table says, by something that knows nothing of records.
type person struct {
	member bool
	kinds  map[int]string // digests, by type
}

// shop is a table, its log in one partition, and an owner of its rows: what the owner wrote is kept as Kafka keeps it.
type shop struct {
	t      *testing.T
	rand   *rand.Rand
	rows   *Rows
	namer  Namer
	sync   Tag
	source int64 // the next offset of the source
	epoch  int64
	queue  []pipeline.Record // the rows partition
	read   int               // of queue

	members []entry        // the members partition, after what was committed
	claims  map[string]int // present versions, by digest
	ever    map[string]says
	written []func() // of the transaction under way
	lacked  int
}

func newShop(t *testing.T, r *rand.Rand) *shop {
	s := &shop{t: t, rand: r, namer: NewNamer("vip"), sync: TagOf("vip"), claims: map[string]int{}, ever: map[string]says{}}
	s.open()
	return s
}

var shopTopics = NewTopics("vip", 1)

// open makes an owner that restores what was written. Of records with one key it may see the last alone.
func (s *shop) open() {
	s.rows = NewRows(shopTopics, 0, func(*Assertion) { s.lacked++ })
	last := map[string]int{}
	for i, m := range s.members {
		last[string(m.key)] = i
	}
	compacted := s.rand.IntN(2) == 0
	for i, m := range s.members {
		if compacted && last[string(m.key)] != i {
			continue
		}
		if err := s.rows.Restore(m.key, m.value); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *shop) write(topic string, _ int32, key, value []byte) {
	key, value = bytes.Clone(key), bytes.Clone(value)
	switch topic {
	case shopTopics.Members:
		s.written = append(s.written, func() { s.members = append(s.members, entry{key, value}) })
	case shopTopics.Rows:
		s.written = append(s.written, func() { s.put(key, value) })
	case shopTopics.Claims:
		s.written = append(s.written, func() { s.claimed(key, value) })
	}
}

func (s *shop) put(key, value []byte) {
	s.queue = append(s.queue, pipeline.Record{Topic: shopTopics.Rows, Offset: int64(len(s.queue)), Key: key, Value: value, Timestamp: time.Unix(1, 0)})
}

// claimed holds a claim to the law: present once, then absent once.
func (s *shop) claimed(key, value []byte) {
	digest, _, ok := readClaimKey(key)
	c, err := readClaim(value)
	if !ok || err != nil {
		s.t.Fatalf("claim %x: %v", key, err)
	}
	before, known := s.ever[string(key)]
	switch {
	case c.says == again:
		return
	case c.says == absent && (!known || before == absent):
		s.t.Errorf("claim %x is absent, and was not present", key)
	case c.says != absent && known:
		s.t.Errorf("claim %x is present twice", key)
	}
	s.ever[string(key)] = c.says
	if c.says == absent {
		s.claims[string(digest)]--
	} else {
		s.claims[string(digest)]++
	}
}

// step handles some records in a transaction, which may be aborted; the owner may be another one afterwards.
func (s *shop) step() {
	n := min(1+s.rand.IntN(5), len(s.queue)-s.read)
	for i := range n {
		if err := s.rows.Take(&s.queue[s.read+i], s.write); err != nil {
			s.t.Fatal(err)
		}
	}
	committed := s.rand.IntN(4) > 0
	s.rows.End(committed)
	if committed {
		s.read += n
		for _, do := range s.written {
			do()
		}
	}
	s.written = s.written[:0]
	if s.rand.IntN(8) == 0 {
		s.open()
	}
}

func (s *shop) settle() {
	for s.read < len(s.queue) {
		s.step()
	}
}

func (s *shop) assert(id int, a Assertion) {
	a.Sync, a.Epoch = s.sync, s.epoch
	a.Source.Topic = []byte("people")
	if a.What == OfRow {
		a.Source.Offset = s.source
		s.source++
	}
	key := s.namer.Of("people", []byte(strconv.Itoa(id)))
	s.put(key[:], a.Append(nil))
}

func (p *person) set() (set []byte) {
	for _, kind := range slices.Sorted(maps.Keys(p.kinds)) {
		set = append(set, []byte(p.kinds[kind])...)
	}
	return set
}

// random is a person of some digests, which others may have, too.
func (s *shop) random() *person {
	p := &person{member: s.rand.IntN(4) > 0, kinds: map[int]string{}}
	for kind := range 3 {
		if s.rand.IntN(2) == 0 {
			p.kinds[kind] = string(someDigest(0, "", s.rand.IntN(6)+10*kind))
		}
	}
	for kind, d := range p.kinds { // of its type
		k, a, h := Parts([]byte(d))
		_, _ = k, a
		b := appendBytes(appendBytes(appendLong(nil, int64(kind)), nil), h)
		p.kinds[kind] = string(b)
	}
	return p
}

// check compares the claims with the table.
func (s *shop) check(table map[int]*person, when string) {
	s.t.Helper()
	want := map[string]int{}
	for _, p := range table {
		if p.member {
			for _, d := range p.kinds {
				want[d]++
			}
		}
	}
	for d, n := range s.claims {
		if n != want[d] {
			s.t.Errorf("%s: digest %x is claimed by %d versions, and wanted by %d rows", when, d[:6], n, want[d])
		}
	}
	for d, n := range want {
		if s.claims[d] != n {
			s.t.Errorf("%s: digest %x is claimed by %d versions, and wanted by %d rows", when, d[:6], s.claims[d], n)
		}
	}
}

// TestClaimsAreWhatTheTableSays over random rows, aborted transactions, owners that change, compaction, rejected rows, rows of changed
// columns and resyncs.
func TestClaimsAreWhatTheTableSays(t *testing.T) {
	for range 100 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { shopHistory(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func shopHistory(t *testing.T, r *rand.Rand) {
	s := newShop(t, r)
	table := map[int]*person{}
	for range 60 {
		id := r.IntN(12)
		p := s.random()
		was := table[id]
		switch r.IntN(10) {
		case 0:
			delete(table, id)
			s.assert(id, Assertion{})
		case 1: // rejected, and not a member by that
			delete(table, id)
			s.assert(id, Assertion{Rejected: true})
		case 2: // rejected because of a value that was not read: all is as it was
			s.assert(id, Assertion{Rejected: true, AsWas: true, Kept: AllKinds})
		case 3: // changed columns: the second type, of a person who is what it was
			if was == nil || !was.member {
				continue
			}
			now := &person{member: true, kinds: maps.Clone(was.kinds)}
			delete(now.kinds, 1)
			a := Assertion{AsWas: true, Keep: true, Kept: AllKinds &^ 2}
			if d, ok := p.kinds[1]; ok {
				now.kinds[1], a.Digests = d, []byte(d)
			}
			table[id] = now
			s.assert(id, a)
		case 4:
			s.resync(table)
		default:
			table[id] = p
			a := Assertion{Member: p.member, Keep: true}
			if p.member {
				a.Digests = p.set()
			}
			s.assert(id, a)
		}
		for r.IntN(2) == 0 {
			s.step()
		}
	}
	s.settle()
	s.check(table, "at the end")
	for id := range table {
		s.assert(id, Assertion{})
	}
	s.settle()
	s.check(nil, "all rows deleted")
	if n := s.rows.table.len; n > 12 || n > 0 && !hasMarks(s.rows) {
		t.Errorf("all rows are deleted, and %d are remembered", n)
	}
	if s.lacked > 0 {
		t.Errorf("%d rows of members were rejected because nothing is remembered of them", s.lacked)
	}
}

func hasMarks(r *Rows) bool {
	marked := true
	r.table.each(func(_ *Identity, v []byte) bool {
		m, err := readRow(v)
		marked = marked && err == nil && m.marked && len(m.digests) == 0
		return true
	})
	return marked
}

// resync reads the table again under a greater epoch; some rows are gone without a word. Nobody runs meanwhile.
func (s *shop) resync(table map[int]*person) {
	s.settle()
	s.epoch++
	for id := range table {
		if s.rand.IntN(3) == 0 {
			delete(table, id)
		}
	}
	const parts = 11
	for part := range parts {
		for id, p := range table {
			if id%parts == part {
				a := Assertion{Member: p.member, Keep: true}
				if p.member {
					a.Digests = p.set()
				}
				s.assert(id, a)
			}
		}
		done := Assertion{What: OfDone, Sync: s.sync, Epoch: s.epoch, Part: part, Parts: parts}
		s.put([]byte("done"), done.Append(nil))
	}
	s.settle()
	s.check(table, "after a resync")
}

// A replayed letter counts if no later row has, and once.
func TestAReplayCountsUnlessALaterRowHas(t *testing.T) {
	member := func(n int) Assertion { return Assertion{Member: true, Digests: someDigest(0, "", n)} }
	replay := func(n int, offset int64) Assertion {
		a := member(n)
		a.What, a.Source.Offset = OfReplay, offset
		return a
	}
	rejected := Assertion{Rejected: true}
	asItWas := Assertion{Rejected: true, AsWas: true, Kept: AllKinds}
	for name, test := range map[string]struct {
		rows []Assertion
		want int // the person whose digest is wanted; 0: none
	}{
		"replayed":                            {[]Assertion{member(1), rejected, replay(2, 1)}, 2},
		"a row that was never there":          {[]Assertion{rejected, replay(2, 0)}, 2},
		"overtaken":                           {[]Assertion{member(1), rejected, member(3), replay(2, 1)}, 3},
		"overtaken by a delete":               {[]Assertion{member(1), rejected, {}, replay(2, 1)}, 0},
		"overtaken by a rejected row":         {[]Assertion{member(1), rejected, rejected, replay(2, 1)}, 0},
		"two letters, the later one first":    {[]Assertion{rejected, rejected, replay(3, 1), replay(2, 0)}, 3},
		"twice, with a row in between":        {[]Assertion{rejected, replay(2, 0), member(3), replay(2, 0)}, 3},
		"a row without letters":               {[]Assertion{member(1), replay(2, 0)}, 1},
		"left as it was, and replayed":        {[]Assertion{member(1), asItWas, replay(2, 1)}, 2},
		"left as it was behind a letter":      {[]Assertion{rejected, asItWas, replay(2, 0)}, 2},
		"left as it was, and then overtaken":  {[]Assertion{member(1), asItWas, member(3), replay(2, 1)}, 3},
		"left as it was, two letters in turn": {[]Assertion{member(1), asItWas, asItWas, replay(2, 1), replay(3, 2)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, rand.New(rand.NewPCG(1, 1)))
			for _, a := range test.rows {
				s.assert(7, a)
			}
			s.settle()
			want := map[int]*person{}
			if test.want > 0 {
				want[7] = &person{member: true, kinds: map[int]string{0: string(someDigest(0, "", test.want))}}
			}
			s.check(want, "at the end")
		})
	}
}

// Marks are kept for as long as dead letters are, and not for ever: the next owner takes them off.
func TestAMarkIsForgottenOnceItsLettersAre(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(1, 1)))
	for id := range 30 {
		s.assert(id, Assertion{Rejected: true})
	}
	s.assert(40, Assertion{Member: true, Digests: someDigest(0, "", 40)})
	s.assert(40, Assertion{Rejected: true, AsWas: true, Kept: AllKinds})
	s.settle()
	for _, days := range []int{30, 32} {
		s.open()
		for id := range 10 {
			s.assert(100+id, Assertion{})
			s.queue[len(s.queue)-1].Timestamp = time.Unix(1, 0).AddDate(0, 0, days)
		}
		for s.read < len(s.queue) {
			s.transact(1)
		}
		if want := map[int]int{30: 31, 32: 1}[days]; s.rows.Len() != want {
			t.Errorf("after %d days %d rows are remembered, want %d", days, s.rows.Len(), want)
		}
	}
	s.open()
	if s.rows.Len() != 1 || hasMarks(s.rows) {
		t.Errorf("the next owner restores %d rows, marked: %v, want one that is not", s.rows.Len(), hasMarks(s.rows))
	}
	s.assert(40, Assertion{})
	s.settle()
	s.check(nil, "all rows deleted")
}

// What changes nothing writes nothing: a table that is read again costs no claims.
func TestARowThatChangesNothingWritesNothing(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(1, 1)))
	s.assert(1, Assertion{Member: true, Digests: someDigest(0, "", 1)})
	s.assert(2, Assertion{})
	s.settle()
	members, claims := len(s.members), len(s.ever)
	s.assert(1, Assertion{Member: true, Digests: someDigest(0, "", 1)})
	s.assert(2, Assertion{})
	s.settle()
	if len(s.members) != members || len(s.ever) != claims || members != 1 || claims != 1 {
		t.Errorf("%d records of members and %d claims, and %d and %d after the same rows again, want 1 and 1", members, claims, len(s.members), len(s.ever))
	}
}

// A row of changed columns that makes a member of whom nothing is known is rejected.
func TestARowOfChangedColumnsWithoutAPastIsRejected(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(1, 1)))
	s.rows.End(true)
	s.assert(1, Assertion{Member: true, Keep: true, Kept: AllKinds})
	for s.read < len(s.queue) { // each attempt is told of
		s.lacked = 0
		s.step()
	}
	if s.lacked != 1 {
		t.Errorf("%d rows were rejected, want 1", s.lacked)
	}
	s.assert(1, Assertion{What: OfReplay, Member: true, Digests: someDigest(0, "", 1)})
	s.settle()
	s.check(map[int]*person{1: {member: true, kinds: map[int]string{0: string(someDigest(0, "", 1))}}}, "after its replay")
}

// It says that it is a member, and what it lacks may come in a row that does not say so again.
func TestARowOfChangedColumnsThatWasRejectedStaysAMember(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(1, 1)))
	s.assert(1, Assertion{Member: true, Keep: true, Kept: AllKinds})
	s.assert(1, Assertion{Member: true, AsWas: true, Keep: true, Kept: AllKinds &^ 1, Digests: someDigest(0, "", 1)})
	s.settle()
	s.check(map[int]*person{1: {member: true, kinds: map[int]string{0: string(someDigest(0, "", 1))}}}, "after its identifier came")
}

// TikTok has what an earlier version remembered, so its owners tell it whatever comes of the row. What that version rejected can be
// replayed, though it did not note of which topic the rejected row was.
func TestWhatAnEarlierVersionRememberedIsTold(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(3, 1)))
	put := func(id int, a Assertion) {
		key := s.namer.Of("people", []byte(strconv.Itoa(id)))
		a.What, a.Sync = OfEarlier, s.sync
		s.put(key[:], a.Append(nil))
	}
	put(1, Assertion{Member: true, Digests: someDigest(0, "", 1)})
	put(1, Assertion{Member: true, Digests: someDigest(0, "", 2)})
	put(2, Assertion{Rejected: true, Source: Source{Offset: 4}})
	s.settle()
	if n := len(s.ever); n != 2 {
		t.Errorf("%d digests were claimed, want 2", n)
	}
	for key, says := range s.ever {
		if digest, _, _ := readClaimKey([]byte(key)); says != told && s.claims[string(digest)] > 0 {
			t.Errorf("claim %x says %d, want that it is told", key, says)
		}
	}
	s.assert(2, Assertion{What: OfReplay, Member: true, Digests: someDigest(0, "", 3), Source: Source{Offset: 4}})
	s.settle()
	s.check(map[int]*person{1: {member: true, kinds: map[int]string{0: string(someDigest(0, "", 2))}},
		2: {member: true, kinds: map[int]string{0: string(someDigest(0, "", 3))}}}, "after the replay")
}

// An old row wants the digest of a new one, and will be swept: that the digest is wanted already does not say that TikTok has it still.
func TestWhatChangesBeforeTheSweepOfAResyncIsTold(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(4, 1)))
	digest := someDigest(0, "", 1)
	s.assert(1, Assertion{Member: true, Digests: digest})
	s.settle()
	s.epoch = 1
	s.assert(2, Assertion{Member: true, Digests: digest})
	s.settle()
	n := 0
	for key, says := range s.ever {
		if of, _, _ := readClaimKey([]byte(key)); says == told && string(of) == string(digest) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("TikTok is told of %d claims of the digest, want that of the new row", n)
	}
}

// A large sweep takes several transactions, and another owner goes on with it.
func TestALargeSweepGoesOnInAnotherOwner(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(5, 1)))
	const rows = 3*sweepAtOnce + 5
	for id := range rows {
		s.assert(id, Assertion{Member: true, Digests: someDigest(0, "", id)})
	}
	for s.read < len(s.queue) {
		s.transact(5000)
	}
	s.epoch = 1
	s.assert(0, Assertion{Member: true, Digests: someDigest(0, "", 0)})
	done := Assertion{What: OfDone, Sync: s.sync, Epoch: 1, Part: 0, Parts: 1}
	s.put([]byte("done"), done.Append(nil))
	steps := 0
	for s.read < len(s.queue) {
		steps++
		s.transact(1)
		s.open()
	}
	s.check(map[int]*person{0: {member: true, kinds: map[int]string{0: string(someDigest(0, "", 0))}}}, "swept")
	if s.rows.table.len != 1 || steps < 4 || !s.rows.sweepOf(s.sync).sweep.swept {
		t.Errorf("%d rows are left after %d transactions; swept: %v", s.rows.table.len, steps, s.rows.sweepOf(s.sync).sweep.swept)
	}
}

// A person whose row comes late in a resync is not taken out meanwhile.
func TestASweepWaitsForAllSourcePartitions(t *testing.T) {
	s := newShop(t, rand.New(rand.NewPCG(1, 1)))
	for id := range 2 {
		s.assert(id, Assertion{Member: true, Digests: someDigest(0, "", id)})
	}
	s.epoch = 1
	s.assert(0, Assertion{Member: true, Digests: someDigest(0, "", 0)})
	both := map[int]*person{}
	for id := range 2 {
		both[id] = &person{member: true, kinds: map[int]string{0: string(someDigest(0, "", id))}}
	}
	for part, want := range []map[int]*person{both, {0: both[0]}} {
		for range 2 { // who is done twice is not two
			done := Assertion{What: OfDone, Sync: s.sync, Epoch: 1, Part: part, Parts: 2}
			s.put([]byte("done"), done.Append(nil))
		}
		s.settle()
		s.check(want, fmt.Sprintf("with %d of 2 read", part+1))
	}
}

// transact commits the next n records.
func (s *shop) transact(n int) {
	n = min(n, len(s.queue)-s.read)
	for i := range n {
		if err := s.rows.Take(&s.queue[s.read+i], s.write); err != nil {
			s.t.Fatal(err)
		}
	}
	s.rows.End(true)
	s.read += n
	for _, do := range s.written {
		do()
	}
	s.written = s.written[:0]
}

// Every rows partition is told of a source partition that was read to its end, in the form that its owner understands.
func TestDoneIsToldToEveryPartition(t *testing.T) {
	ends := []End{{"t", 0, 10}, {"t", 4, 7}}
	told := map[int32]Assertion{}
	NewAssert(NewTopics("vip", 3), "sync", 3).Done(ends, 1, func(topic string, partition int32, key, value []byte) {
		a, err := readAssertion(value)
		if topic != "vip.rows" || len(key) == len(Identity{}) || err != nil {
			t.Errorf("written to %s under %q: %v", topic, key, err)
		}
		told[partition] = a
	})
	for p := range int32(3) {
		if a := told[p]; a.What != OfDone || a.Sync != TagOf("sync") || a.Epoch != 3 || a.Part != 1 || a.Parts != 2 || a.Source.Partition != 4 || a.Source.Offset != 7 {
			t.Errorf("partition %d was told %+v", p, a)
		}
	}
}
