package daemon

import (
	"math"
	"runtime/debug"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const (
	leastMemory  = 64 << 20
	usualMemory  = 512 << 20 // where nothing says how much there is
	atRest       = 40 << 20  // of a process that reads nothing
	leastRecords = 1 << 20
)

// memory is what each sync may use of the process's.
type memory struct {
	records, fetch settings.Size
}

// divide gives each of the syncs that read rows its part of all there is. The collector lets the heap grow to twice of what is alive;
// alive are unsettled records, as much again of what is made of them and sent, and the answers of brokers that wait to be read.
func divide(all settings.Size, syncs int) memory {
	part := (all - atRest) / 2 / settings.Size(max(syncs, 1))
	records := max(part/3, leastRecords)
	return memory{records: records, fetch: max(records/2, leastRecords)}
}

// of is the configuration of Kafka within the part.
func (m memory) of(c kafka.Config) kafka.Config {
	c.Budget = min(c.Budget, m.records)
	c.FetchMaxBytes = min(c.FetchMaxBytes, m.fetch)
	c.FetchMaxPartitionBytes = min(c.FetchMaxPartitionBytes, c.FetchMaxBytes)
	return c
}

// memory is all there is for the process: as the configuration says, or what Go's collector keeps to.
func (c *Config) memory() settings.Size {
	if c.Memory != nil {
		return *c.Memory
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return settings.Size(limit)
	}
	return usualMemory
}

// rowSyncs is how many syncs read row by row.
func (c *Config) rowSyncs() (n int) {
	for i := range c.Syncs {
		if c.Syncs[i].Kind() != KindFile {
			n++
		}
	}
	return n
}
