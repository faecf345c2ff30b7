package owners

import (
	"bytes"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Local is a whole audience in memory, of one sync: what its rows would have TikTok told, one after the other. It belongs to one
// goroutine.
type Local struct {
	assert *Assert
	rows   *Rows
	claims *claimsPart
	next   int64 // offset of an assertion
	lacks  bool
	said   []Saying
}

// NewLocal makes one that knows no row.
func NewLocal(sync string) *Local {
	l := &Local{}
	t := NewTopics("", 1)
	l.assert = NewAssert(t, sync, 0)
	l.rows = NewRows(t, 0, func(*Assertion) { l.lacks = true })
	l.claims = newClaimsPart(0, 0)
	return l
}

// Told is what follows of a row.
type Told struct {
	Sayings []Saying
	Lacks   bool // it is of changed columns, and makes a member of whom nothing is known
	Knew    bool // something was remembered of it
	Member  bool // it is a member
}

// Row takes a row's assertion over, and returns what TikTok is told because of it; that is good until the next call.
func (l *Local) Row(topic string, key []byte, a *Assertion) Told {
	id := l.assert.namer.Of(topic, key)
	_, knew := l.rows.table.get(&id)
	l.lacks, l.said = false, l.said[:0]
	var touched []*work
	l.assert.Row(topic, key, a, func(_ string, _ int32, key, value []byte) {
		rec := pipeline.Record{Offset: l.next, Key: key, Value: value}
		l.next++
		_ = l.rows.Take(&rec, func(topic string, _ int32, key, value []byte) { // it reads what Assert wrote
			if topic == l.rows.topics.Claims {
				touched = l.claim(touched, key, value)
			}
		})
	})
	l.rows.End(true)
	for _, w := range touched {
		if l.claims.isDue(w) {
			w.force, w.told = false, w.saying
			l.said = append(l.said, w.say())
			l.claims.isDue(w)
		}
	}
	l.claims.fifo, l.claims.cleared = l.claims.fifo[:0], l.claims.cleared[:0]
	v, _ := l.rows.table.get(&id)
	m, _ := readRow(v)
	return Told{l.said, l.lacks, knew, m.member}
}

func (l *Local) claim(touched []*work, key, value []byte) []*work {
	rec := pipeline.Record{Offset: l.claims.pos, Key: bytes.Clone(key), Value: bytes.Clone(value)}
	w, _ := l.claims.take(&rec)
	if w != nil && !slices.Contains(touched, w) {
		touched = append(touched, w)
	}
	return touched
}
