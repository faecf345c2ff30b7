package owners

import "github.com/tokrelay/tokrelay/pipeline"

// Book is what is known of rows, all in one place: as assertions tell it, or as the members topic remembers it. It writes nothing, and
// belongs to one goroutine.
type Book struct {
	rows *Rows
	next int64 // offset of an assertion
}

// NewBook makes one that knows no row. lacks is NewRows's.
func NewBook(lacks func(a *Assertion)) *Book { return &Book{rows: NewRows(NewTopics("", 1), 0, lacks)} }

// Assert takes over what a row says.
func (b *Book) Assert(id Identity, a *Assertion) { b.Take(id[:], a.Append(nil)) }

// Take takes over an assertion's record.
func (b *Book) Take(key, value []byte) {
	rec := pipeline.Record{Offset: b.next, Key: key, Value: value}
	b.next++
	_ = b.rows.Take(&rec, func(string, int32, []byte, []byte) {})
	b.rows.End(true)
}

// Restore takes over a record of the members topic. The error is a *LaterForm.
func (b *Book) Restore(key, value []byte) error { return b.rows.Restore(key, value) }

// Known is what is known of a row.
type Known struct {
	Digests []byte
	Member  bool // though it may have no digests
	Version int64
}

// Get is what is known of a row; its digests are good until the next change.
func (b *Book) Get(id Identity) (k Known, ok bool) {
	v, ok := b.rows.table.get(&id)
	if !ok {
		return Known{Version: NoVersion}, false
	}
	m, _ := readRow(v)
	return Known{m.digests, m.member, m.at}, true
}

// Each calls each for the rows of a sync, in no order.
func (b *Book) Each(sync Tag, each func(id Identity, k Known)) {
	b.rows.table.each(func(id *Identity, value []byte) bool {
		if m, err := readRow(value); err == nil && m.sync == sync {
			each(*id, Known{m.digests, m.member, m.at})
		}
		return true
	})
}
