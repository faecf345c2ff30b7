package segment

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Table is an audience as its topic tells: for each member what its last row says, by the rules of the sync. It takes about
// 190 bytes of memory a member and 35 an identifier. It belongs to one goroutine.
type Table struct {
	sink    *Sink
	rows    map[key]told
	sets    []byte      // claims
	aliases map[key]key // earlier names by which members are remembered
	names   []key
	flush   flush // completes rows of changed columns
}

// told is what the topic tells last of a member.
type told struct {
	topic     string
	partition int32
	offset    int64
	time      int64
	at, size  int  // its claims in sets; none: it is not in the audience
	member    bool // it may have no claims
	known     bool // what the row says is known: it was not passed over
	absent    bool // the topic has no row: the position is that of what is remembered
}

// NewTable makes an empty one. The Memory, if there is one, has been refreshed.
func (s *Sink) NewTable() *Table {
	return &Table{sink: s, rows: map[key]told{}, aliases: map[key]key{}}
}

// Add takes a row over: items is what the sync's steps made of it, err why they made nothing. Rows of a partition come in
// their order; of rows in several, the one with the later time counts. A row that is rejected takes its member out, as in
// the sink; one that is passed over changes nothing.
func (t *Table) Add(r *pipeline.Record, items *pipeline.Items, err error) {
	if len(r.Key) == 0 {
		return
	}
	now := told{topic: r.Topic, partition: r.Partition, offset: r.Offset, time: r.Timestamp.UnixMilli(), known: true}
	k := t.sink.nameOf(r)
	before, again := t.rows[k]
	if again && before.time > now.time && (before.topic != now.topic || before.partition != now.partition) {
		return
	}
	if !again {
		t.alias(k, r)
	}
	rejection, rejected := errors.AsType[*pipeline.Rejection](err)
	switch {
	case len(items.List) > 0:
		row := rowPlan{transition: readTransition(items.Body(len(items.List) - 1)), rejected: rejection}
		now.known = row.kept == 0 && !row.asWas || before.known
		t.flush.sets = t.flush.sets[:0]
		t.flush.complete(&row, before.member, t.claims(before))
		if now.member = row.was; row.member {
			now.at, now.size = len(t.sets), len(row.now)
			t.sets = append(t.sets, row.now...)
		}
	case rejected && rejection.Reason != pipeline.UnavailableValueInRow:
	default: // its position moves on, and what it was stays
		now.at, now.size, now.member, now.known = before.at, before.size, before.member, before.known
	}
	t.rows[k] = now
}

// alias notes by which earlier names the row's member is remembered.
func (t *Table) alias(k key, r *pipeline.Record) {
	if t.sink.deps.Memory == nil {
		return
	}
	t.names = t.sink.earlier(t.names[:0], r)
	for _, name := range t.names {
		if len(t.sink.deps.Memory.Get(nil, name)) > 0 {
			t.aliases[name] = k
		}
	}
}

func (t *Table) claims(w told) []byte { return t.sets[w.at : w.at+w.size] }

// Comparison is how a Table and what is remembered differ. Identifiers are counted by member: two members that share one
// are counted twice.
type Comparison struct {
	People      int64 `json:"people"`      // members by the topic, who have at least one identifier
	Identifiers int64 `json:"identifiers"` // of them
	Remembered  int64 `json:"remembered"`  // identifiers that are remembered as sent

	Missing int64 `json:"missing"`  // identifiers of the topic that are not remembered
	TooMuch int64 `json:"too_much"` // identifiers remembered that the topic does not have
	Waiting int64 `json:"waiting"`  // members whose last row is not settled yet: they are not compared
	Open    int64 `json:"open"`     // members of whom calls are under way, were cut off, or have been refused
	Untold  int64 `json:"untold"`   // members remembered of whom the topic holds no row any more, where that says nothing

	Differences []Difference `json:"differences,omitempty"` // the first of them

	wrong []wrong
}

// Difference is one identifier that is missing or too much.
type Difference struct {
	What      string `json:"what"` // missing or too_much
	Type      string `json:"type"`
	Digest    string `json:"digest"`             // its first eight digits
	Audience  string `json:"audience,omitempty"` // as rows name it
	Topic     string `json:"topic,omitempty"`    // of the member's last row
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // -1: the topic holds no row of the member
}

// mostDifferences are told one by one.
const mostDifferences = 100

// wrong is a member to be put right.
type wrong struct {
	key    key
	at     told
	claims []byte
}

// Compare holds the table against what is remembered now; without a Memory it only counts. settled reports whether the row at a position had settled before the
// memory was read; whole says that the topic tells of everyone who is a member: one of whom it has no row is none.
func (t *Table) Compare(settled func(topic string, partition int32, offset int64) bool, whole bool) *Comparison {
	c, m := &Comparison{}, t.sink.deps.Memory
	byAlias := map[key]key{}
	for alias, k := range t.aliases {
		byAlias[k] = alias
	}
	var value []byte
	for k, row := range t.rows {
		if m == nil {
			c.count(t.claims(row))
			continue
		}
		if value = m.Get(value[:0], k); len(value) == 0 {
			value = m.Get(value[:0], byAlias[k])
		}
		t.compare(c, k, row, value, settled)
	}
	if m == nil {
		return c
	}
	for _, k := range m.Find(func([]byte) bool { return true }, int(^uint(0)>>1)) {
		_, told := t.rows[k]
		if _, aliased := t.aliases[k]; told || aliased {
			continue
		}
		value = m.Get(value[:0], k)
		t.untold(c, k, value, whole)
	}
	slices.SortFunc(c.Differences, compareDifferences)
	return c
}

func compareDifferences(a, b Difference) int {
	if n := strings.Compare(a.What, b.What); n != 0 {
		return n
	}
	return strings.Compare(a.Digest, b.Digest)
}

// compare holds one member's last row against what is remembered of it.
func (t *Table) compare(c *Comparison, k key, row told, value []byte, settled func(string, int32, int64) bool) {
	m, _ := readRecord(value)
	claims := t.claims(row)
	c.count(claims)
	c.Remembered += count(m.wants)
	switch {
	case !settled(row.topic, row.partition, row.offset):
		c.Waiting++
	case !row.known:
		c.Untold++
	case m.pending:
		c.Open++
		c.wrong = append(c.wrong, wrong{k, row, bytes.Clone(claims)})
	default:
		t.note(c, k, row, claims, m.wants)
	}
}

// count counts a member by the topic.
func (c *Comparison) count(claims []byte) {
	if n := count(claims); n > 0 {
		c.People++
		c.Identifiers += n
	}
}

// note notes how what should be and what is remembered differ.
func (t *Table) note(c *Comparison, k key, row told, claims, remembered []byte) {
	if sameSet(claims, remembered) {
		return
	}
	missing := without(nil, claims, remembered)
	tooMuch := without(nil, remembered, claims)
	c.Missing += count(missing)
	c.TooMuch += count(tooMuch)
	c.list(missing, "missing", row)
	c.list(tooMuch, "too_much", row)
	c.wrong = append(c.wrong, wrong{k, row, bytes.Clone(claims)})
}

func (t *Table) untold(c *Comparison, k key, value []byte, whole bool) {
	m, ok := readRecord(value)
	if !ok || len(m.wants) == 0 {
		return
	}
	c.Remembered += count(m.wants)
	if !whole {
		c.Untold++
		return
	}
	t.note(c, k, told{partition: m.partition, offset: m.offset, time: m.time, absent: true}, nil, m.wants)
}

func (c *Comparison) list(set []byte, what string, row told) {
	offset := row.offset
	if row.absent {
		offset = -1
	}
	for claim, rest := next(set); claim != nil && len(c.Differences) < mostDifferences; claim, rest = next(rest) {
		c.Differences = append(c.Differences, Difference{What: what, Type: kindOf(claim).Name(), Digest: hex.EncodeToString(digestOf(claim)[:4]),
			Audience: string(audienceOf(claim)), Topic: row.topic, Partition: row.partition, Offset: offset})
	}
}

func count(set []byte) (n int64) {
	for c, rest := next(set); c != nil; c, rest = next(rest) {
		n++
	}
	return n
}

// Wrong is how many members are to be put right.
func (c *Comparison) Wrong() int { return len(c.wrong) }

// Rows are the last rows of the members to be put right, of those of whom the topic has one.
func (c *Comparison) Rows() []pipeline.Position {
	var list []pipeline.Position
	for i := range c.wrong {
		if w := &c.wrong[i]; !w.at.absent {
			list = append(list, w.position())
		}
	}
	return list
}

func (w *wrong) position() pipeline.Position {
	return pipeline.Position{Topic: w.at.topic, Partition: w.at.partition, Offset: w.at.offset}
}
