package owners

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
)

// RowsOwner owns the rows of the partitions that are this instance's. Handle and Ended are called in turn, by one goroutine;
// the other methods by any.
type RowsOwner struct {
	topics  Topics
	lacks   func(a *Assertion)
	touched []*Rows // of the transaction under way

	mu    sync.Mutex
	parts map[int32]*Rows
	sizes map[int32]size // when the last transaction ended
}

// size is what a partition remembers.
type size struct {
	rows  int
	bytes int64
}

// NewRowsOwner makes one that owns nothing yet; lacks is NewRows's.
func NewRowsOwner(t Topics, lacks func(a *Assertion)) *RowsOwner {
	return &RowsOwner{topics: t, lacks: lacks, parts: map[int32]*Rows{}, sizes: map[int32]size{}}
}

// Restore begins to take a partition over: the rows are to be given what the members topic has of them, and then to Own.
func (o *RowsOwner) Restore(partition int32) *Rows { return NewRows(o.topics, partition, o.lacks) }

// Own ends a restoration: the partition is this instance's from here on.
func (o *RowsOwner) Own(r *Rows) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts[r.partition] = r
	o.measure(r)
}

// Dropped forgets partitions that are not this instance's any more.
func (o *RowsOwner) Dropped(partitions []int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range partitions {
		delete(o.parts, id)
		delete(o.sizes, id)
	}
}

func (o *RowsOwner) part(id int32) *Rows {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.parts[id]
}

// Handle handles a transaction's records. Its error is of a record that may not be passed over.
func (o *RowsOwner) Handle(records []pipeline.Record, write Write) error {
	var rows *Rows
	for i := range records {
		id := records[i].Partition
		if rows == nil || rows.partition != id {
			if rows = o.part(id); rows == nil {
				return fmt.Errorf("a record of %s/%d, which is not restored", o.topics.Rows, id)
			}
			o.touched = append(o.touched, rows)
		}
		if err := rows.Take(&records[i], write); err != nil {
			return err
		}
	}
	return nil
}

// Ended ends the transaction: one that was not committed has changed nothing.
func (o *RowsOwner) Ended(committed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, rows := range o.touched {
		rows.End(committed)
		o.measure(rows)
	}
	clear(o.touched)
	o.touched = o.touched[:0]
}

// Len is how many rows are remembered here, and bytes about what they take in memory.
func (o *RowsOwner) Len() (rows int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, of := range o.sizes {
		rows += of.rows
		bytes += of.bytes
	}
	return rows, bytes
}

// Owned are the partitions.
func (o *RowsOwner) Owned() (ids []int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.parts))
}

// measure notes what a partition remembers; it may have been dropped. The caller holds mu.
func (o *RowsOwner) measure(r *Rows) {
	if o.parts[r.partition] == r {
		o.sizes[r.partition] = size{r.Len(), r.Bytes()}
	}
}
