package segment

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Table is an audience as the topics of a sync tell: for each row what it says last, by the rules of the sync. It takes about 200 bytes
// of memory a row. It belongs to one goroutine.
type Table struct {
	sync  string
	namer owners.Namer
	of    func(r *pipeline.Record) []byte
	book  *owners.Book
	last  map[owners.Identity]place
	mask  uint32 // of identities that are taken in: those with none of these bits
}

// place is where a row's last record is.
type place struct {
	topic     string
	partition int32
	offset    int64
	time      int64
	whole     int64 // when the row last said all of what it is
	passed    bool  // what the row says is not known: it was passed over, or the order of its changes is not known
}

// NewTable makes an empty one. identity is what tells a record's row from the others of its topic.
func NewTable(sync string, identity func(r *pipeline.Record) []byte) *Table {
	return &Table{sync: sync, namer: owners.NewNamer(sync), of: identity, book: owners.NewBook(func(*owners.Assertion) {}), last: map[owners.Identity]place{}}
}

// Sample has the table take in one row of n alone, the same ones in every table; n is a power of two.
func (t *Table) Sample(n uint32) { t.mask = n - 1 }

// Add takes a row over: items is what the sync's steps made of it, err why they accepted it not. Rows of a partition come in
// their order; of rows in several, the one with the later time counts.
func (t *Table) Add(r *pipeline.Record, items *pipeline.Items, err error) {
	if len(r.Key) == 0 {
		return
	}
	id := t.namer.Of(r.Topic, t.of(r))
	if binary.BigEndian.Uint32(id[:])&t.mask != 0 {
		return
	}
	before, again := t.last[id]
	now := place{topic: r.Topic, partition: r.Partition, offset: r.Offset, time: r.Timestamp.UnixMilli(), whole: before.whole}
	if again && before.time >= now.time && before.partition != now.partition {
		if now.time >= before.whole { // what came later may leave out what this one says
			before.passed = true
			t.last[id] = before
		}
		return
	}
	if len(items.List) == 0 { // it says nothing: its place moves on
		now.passed = before.passed || !again
		t.last[id] = now
		return
	}
	says := readSays(items.Body(len(items.List) - 1))
	a := says.assertion(r, []byte(r.Topic))
	a.Sync = owners.TagOf(t.sync)
	_, a.Rejected = errors.AsType[*pipeline.Rejection](err)
	if now.passed = before.passed || !again; !says.asWas && says.kept == 0 {
		now.whole, now.passed = now.time, false
	}
	t.book.Assert(id, &a)
	t.last[id] = now
}

// Comparison is how a Table and what is remembered differ. Identifiers are counted by row: two rows that share one
// are counted twice.
type Comparison struct {
	People      int64 `json:"people"`      // members by the topic, who have at least one identifier
	Identifiers int64 `json:"identifiers"` // of them
	Remembered  int64 `json:"remembered"`  // identifiers that are remembered

	Missing int64 `json:"missing"`  // identifiers of the topic that are not remembered
	TooMuch int64 `json:"too_much"` // identifiers remembered that the topic does not have
	Waiting int64 `json:"waiting"`  // rows whose last record is still on its way: they are not compared
	Untold  int64 `json:"untold"`   // rows remembered of which the topic does not say what they are: nothing any more, or in an order that no one knows
	Open    int64 `json:"open"`     // records of digests about which TikTok is still to be told

	Differences []Difference `json:"differences,omitempty"` // the first of them

	wrong []wrong
}

// Difference is one identifier that is missing or too much.
type Difference struct {
	What      string `json:"what"` // missing or too_much
	Type      string `json:"type"`
	Digest    string `json:"digest"`             // its first eight digits
	Audience  string `json:"audience,omitempty"` // as rows name it
	Topic     string `json:"topic,omitempty"`    // of the row's last record
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // -1: the topic holds no record of the row
}

// mostDifferences are told one by one.
const mostDifferences = 100

// wrong is a row to be put right.
type wrong struct {
	id owners.Identity
	a  owners.Assertion
}

// Compare holds the table against what is remembered. isWaiting reports of a row whether its last record, at the position, may be on its way;
// whole says that the topic tells of everyone who is a member: a row of which it has none is none.
func (t *Table) Compare(remembered *owners.Book, isWaiting func(id owners.Identity, last pipeline.Position) bool, whole bool) *Comparison {
	c := &Comparison{}
	for id, at := range t.last {
		now, _ := t.book.Get(id)
		had, _ := remembered.Get(id)
		c.count(now.Digests)
		c.Remembered += count(had.Digests)
		switch {
		case isWaiting(id, pipeline.Position{Topic: at.topic, Partition: at.partition, Offset: at.offset}):
			c.Waiting++
		case at.passed:
			c.Untold++
		default:
			t.note(c, id, at, &now, &had)
		}
	}
	remembered.Each(owners.TagOf(t.sync), func(id owners.Identity, had owners.Known) {
		if _, told := t.last[id]; told || len(had.Digests) == 0 {
			return
		}
		if c.Remembered += count(had.Digests); !whole {
			c.Untold++
			return
		}
		t.note(c, id, place{offset: -1}, &owners.Known{}, &had)
	})
	slices.SortFunc(c.Differences, compareDifferences)
	return c
}

func compareDifferences(a, b Difference) int {
	if n := strings.Compare(a.What, b.What); n != 0 {
		return n
	}
	return strings.Compare(a.Digest, b.Digest)
}

// count counts a member by the topic.
func (c *Comparison) count(digests []byte) {
	if n := count(digests); n > 0 {
		c.People++
		c.Identifiers += n
	}
}

// note notes how what should be and what is remembered differ.
func (t *Table) note(c *Comparison, id owners.Identity, at place, now, had *owners.Known) {
	if owners.SameSet(now.Digests, had.Digests) {
		return
	}
	c.Missing += c.list(now.Digests, had.Digests, "missing", at)
	c.TooMuch += c.list(had.Digests, now.Digests, "too_much", at)
	c.wrong = append(c.wrong, wrong{id, owners.Assertion{What: owners.OfRepair, Member: len(now.Digests) > 0 || now.Member, Keep: now.Member, Version: had.Version,
		Digests: slices.Clone(now.Digests), Source: owners.Source{Topic: []byte(at.topic), Partition: at.partition, Offset: max(at.offset, 0), Time: at.time}}})
}

// list counts the digests of a set that the other does not hold, and notes the first of them.
func (c *Comparison) list(set, other []byte, what string, at place) (n int64) {
	for d, rest := owners.Next(set); d != nil; d, rest = owners.Next(rest) {
		if owners.Holds(other, d) {
			continue
		}
		if n++; len(c.Differences) < mostDifferences {
			kind, audience, hash := owners.Parts(d)
			c.Differences = append(c.Differences, Difference{What: what, Type: kind.Name(), Digest: hex.EncodeToString(hash[:4]),
				Audience: string(audience), Topic: at.topic, Partition: at.partition, Offset: at.offset})
		}
	}
	return n
}

func count(set []byte) (n int64) {
	for d, rest := owners.Next(set); d != nil; d, rest = owners.Next(rest) {
		n++
	}
	return n
}

// Wrong is how many rows are to be put right.
func (c *Comparison) Wrong() int { return len(c.wrong) }

// Repair tells the owners of the rows to be put right what they are, and returns how many they are. A row that has changed since it was
// compared is left alone.
func (c *Comparison) Repair(a *owners.Assert, write owners.Write) int {
	for i := range c.wrong {
		a.Of(c.wrong[i].id, &c.wrong[i].a, write)
	}
	return len(c.wrong)
}
