package pipeline

import (
	"fmt"
	"time"
)

// Op is what happened to a row.
type Op uint8

const (
	Insert   Op = iota + 1
	Snapshot    // a row read while a table was copied: an insert that may be old
	Update
	Delete
)

func (o Op) String() string {
	return [...]string{"unknown", "insert", "snapshot", "update", "delete"}[o]
}

// Ops lists the operations, for configuration and metrics.
var Ops = [...]Op{Insert, Snapshot, Update, Delete}

// Shape names the columns of an Image. It is compiled once per writer schema and shared by every row written with it:
// never change it. The first columns are the ones the sync asked for, in the order it asked for them; the rest, present
// only when the sync asked for all columns, follow in the order of the schema.
type Shape struct {
	Names  []string // column names; the wanted ones keep the name the configuration uses
	Sorted []int32  // indices of the columns the schema really has, ordered by name: the order of a hash over all columns
}

// Image is a row before or after its change: one Value per column of the change's Shape.
type Image struct {
	Present bool
	Values  []Value
}

// Value returns the i-th wanted column, Missing when the image is absent or shorter.
func (m *Image) Value(i int) Value {
	if !m.Present || i >= len(m.Values) {
		return Value{}
	}
	return m.Values[i]
}

// Source is what is known of a change's origin. Time is the change's time in the database, zero when unknown. Log and
// Pos are its place in the database's log: the log's file or change number, which aliases the record, and the place in it.
type Source struct {
	Connector string
	Table     string
	Time      time.Time
	Log       []byte
	Pos       int64
}

// Change is one decoded row change. A decoder fills the same Change again for every row: keep nothing of it, its values
// alias the record's bytes.
type Change struct {
	Op     Op
	Shape  *Shape
	Before Image
	After  Image

	// BeforeComplete is true when Before holds the whole old row, so that an old identifier may be taken from it. With
	// PostgreSQL's default replica identity it is false and Before's non-key columns are fillers.
	BeforeComplete bool

	// Partial is true where After holds only what changed: its Unavailable columns are as they were.
	Partial bool

	// Older is, of a delete that is a row marked as deleted (Before), the row before it was, where that is known to be whole.
	Older Image

	// KeyRow is true for a delete known only by its key: a tombstone of a flat topic, or a key-only before image.
	KeyRow bool

	Lists Arena // holds the elements of the images' lists

	Key      []byte // the row's identity: its record's key without framing. A decoder sets it whatever becomes of the row; nil without a key
	Source   Source
	SchemaID string // the registry's id or GUID as text, "" without a registry
}

// Row is the image that says what the row is now: After, or for a delete Before.
func (c *Change) Row() *Image {
	if c.Op == Delete {
		return &c.Before
	}
	return &c.After
}

// Reset empties the change and keeps its memory for the next row.
func (c *Change) Reset() {
	c.Op, c.Shape, c.BeforeComplete, c.Partial, c.KeyRow = 0, nil, false, false, false
	c.Older = Image{}
	c.Before.Present, c.Before.Values = false, c.Before.Values[:0]
	c.After.Present, c.After.Values = false, c.After.Values[:0]
	c.Lists.Reset()
	c.Key, c.Source, c.SchemaID = nil, Source{}, ""
}

// Format prints the operation alone: a change's values are personal data (P3).
func (c *Change) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "%s [redacted]", c.Op) }
