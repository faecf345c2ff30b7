package pipeline

import (
	"fmt"
	"slices"
	"sync"
)

// Outcome is how a row ended. A row settles once.
type Outcome uint8

const (
	Unsettled    Outcome = iota
	Delivered            // TikTok accepted all its items
	DeadLettered         // its dead letter is acknowledged by Kafka
	Skipped              // knowingly not sent
)

// Outcomes lists the ways a row may end, for metrics and reports.
var Outcomes = [...]Outcome{Delivered, DeadLettered, Skipped}

func (o Outcome) String() string {
	return [...]string{"unsettled", "delivered", "dead_lettered", "skipped"}[o]
}

// Chunk is up to a thousand consecutive records of one partition: the unit the router handles and the ledger commits.
// It remembers which of its rows have settled, so that a chunk handed out again (after a Nack) repeats nothing that
// was delivered. Settle and Settled may be called from several goroutines; the other fields never change.
type Chunk struct {
	Topic     string
	Partition int32
	Records   []Record

	mu        sync.Mutex
	settled   []Outcome
	told      []*Told // nil where it is not kept
	left      int
	abandoned bool
	held      bool
}

// NewChunk makes a chunk of consecutive records of one partition. It takes over the slice.
func NewChunk(records []Record) *Chunk {
	c := &Chunk{Records: records, settled: make([]Outcome, len(records)), left: len(records)}
	if len(records) > 0 {
		c.Topic, c.Partition = records[0].Topic, records[0].Partition
	}
	return c
}

// Settle notes how a row ended and reports whether this was its first outcome; later ones change nothing.
func (c *Chunk) Settle(row int, o Outcome) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandoned || c.settled[row] != Unsettled {
		return false
	}
	c.settled[row] = o
	c.left--
	return true
}

// Told is what is known of how rows ended, besides their Outcome. Rows that ended together share one; it never changes.
type Told struct {
	Asserted  bool       // handed to the owners of a streamed audience
	Skip      SkipReason // of rows that were skipped
	Call      string     // id of the batch that was accepted
	RequestID string     // TikTok's, of its answer
	Code      int        // of its answer

	EventID, Persons []byte // as Items has them, of a row whose items are gone: its chunk was handed out again
}

// KeepTold has the chunk keep what it is told of its rows from now on.
func (c *Chunk) KeepTold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == nil {
		c.told = make([]*Told, len(c.Records))
	}
}

// Tell notes what is known of how a row ended, or is about to end. The last word counts.
func (c *Chunk) Tell(row int, t *Told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told != nil {
		c.told[row] = t
	}
}

// KeepItems notes what the items of rows that have settled say of them: the chunk comes again, without these items.
func (c *Chunk) KeepItems(items *Items) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == nil {
		return
	}
	for i := range items.List {
		row := items.List[i].Row
		if t := c.told[row]; t != nil && c.settled[row] == Delivered && t.EventID == nil {
			kept := *t
			kept.EventID, kept.Persons = slices.Clone(items.ID(i)), slices.Clone(items.Persons(i))
			c.told[row] = &kept
		}
	}
}

// Told is what was told last of each row, nil of those that nothing was told of. It is to be called once nothing more is told.
func (c *Chunk) Told() []*Told {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told
}

// Settled is how a row ended, or Unsettled.
func (c *Chunk) Settled(row int) Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled[row]
}

// Left is the number of rows that have not settled.
func (c *Chunk) Left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// Abandon ends a chunk whose partition is another instance's now: its rows that have not settled will be read again, in
// another chunk. It returns how many they are; what becomes of them in this one counts no more.
func (c *Chunk) Abandon() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
	return c.left
}

// Hold notes that the chunk's handling has ended with ErrHeld: its rows wait, and handing it out again would not help.
func (c *Chunk) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

// IsHeld reports whether Hold was called.
func (c *Chunk) IsHeld() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Format prints where the chunk is and how long it is, never its records.
func (c *Chunk) Format(s fmt.State, _ rune) {
	if len(c.Records) == 0 {
		fmt.Fprintf(s, "%s/%d (empty)", c.Topic, c.Partition)
		return
	}
	fmt.Fprintf(s, "%s+%d", c.Records[0].Position(), len(c.Records))
}

// Ticket is a handed-out chunk's answer: exactly one of the channels is closed when its handling ends. Nacked asks for
// the same chunk again, after a pause.
type Ticket struct {
	Acked  <-chan struct{}
	Nacked <-chan struct{}
}
