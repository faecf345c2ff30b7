package registry

import (
	"container/list"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

const (
	// missingFor is how long a schema that was not found after all stays not found without asking.
	missingFor = 15 * time.Second
	// maxCached bounds the texts of all cached schemas together.
	maxCached = 64 << 20
)

// schemaCache keeps what the registry said, the least used forgotten first. It is not for concurrent use.
type schemaCache struct {
	max     int // entries
	bytes   int
	byID    map[ID]*list.Element
	newest  *list.List // of *cacheEntry
	entries int        // that hold a schema
}

// cacheEntry is a schema, or the knowledge that there is none.
type cacheEntry struct {
	id           ID
	src          *avro.Source
	err          error     // why there is none
	missingUntil time.Time // then it is asked for again
	crcs         []uint64  // fingerprints of src, once they were asked for
	hasCRCs      bool
}

func newSchemaCache(max int) *schemaCache {
	return &schemaCache{max: max, byID: map[ID]*list.Element{}, newest: list.New()}
}

func (c *schemaCache) get(id ID) *cacheEntry {
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.newest.MoveToFront(e)
	return e.Value.(*cacheEntry)
}

func (c *schemaCache) put(entry *cacheEntry) {
	c.remove(c.byID[entry.id])
	c.byID[entry.id] = c.newest.PushFront(entry)
	c.count(entry, 1)
	for c.newest.Len() > c.max || c.bytes > maxCached && c.newest.Len() > 1 {
		c.remove(c.newest.Back())
	}
}

func (c *schemaCache) remove(e *list.Element) {
	if e == nil {
		return
	}
	entry := c.newest.Remove(e).(*cacheEntry)
	delete(c.byID, entry.id)
	c.count(entry, -1)
}

func (c *schemaCache) count(entry *cacheEntry, sign int) {
	if entry.src != nil {
		c.entries += sign
		c.bytes += sign * sizeOf(entry.src)
	}
}

// withFingerprint finds a schema by its fingerprint among those that came by another id.
func (c *schemaCache) withFingerprint(crc uint64) *avro.Source {
	for e := c.newest.Front(); e != nil; e = e.Next() {
		entry := e.Value.(*cacheEntry)
		if entry.src == nil {
			continue
		}
		if !entry.hasCRCs {
			entry.crcs, entry.hasCRCs = fingerprintsOf(entry.src), true
		}
		if slices.Contains(entry.crcs, crc) {
			return entry.src
		}
	}
	return nil
}

// sizeOf is the length of all texts of a schema.
func sizeOf(s *avro.Source) int {
	n := len(s.Text)
	for _, r := range s.References {
		n += len(r.Text)
	}
	return n
}
