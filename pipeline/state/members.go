package state

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Members is what is remembered of an audience's members: a value by key, and how many members claim the same thing. It
// takes about a hundred bytes of memory a member. It is safe for concurrent use, but one member must not be put twice at
// the same time.
type Members struct {
	*follower
	claims  func(value []byte, each func(claim []byte))
	metrics *Metrics

	mu     sync.RWMutex
	table  table
	counts counts
}

// NewMembers makes an empty Members of a members topic; Restore fills it. claims tells the claims that a value holds. A nil m
// counts nothing.
func NewMembers(l Log, claims func(value []byte, each func(claim []byte)), m *Metrics) *Members {
	members := &Members{claims: claims, metrics: cmp.Or(m, NewMetrics(nil)), counts: newCounts()}
	members.follower = newFollower(l, members.apply, members.held)
	return members
}

// Restore reads the whole topic. It is the first Refresh, with its time told to metrics.
func (m *Members) Restore(ctx context.Context) error {
	began := time.Now()
	if err := m.Refresh(ctx); err != nil {
		return err
	}
	m.metrics.restore.WithLabelValues().Set(time.Since(began).Seconds())
	return nil
}

// Refresh returns when everything that any instance had written when it was called is visible here.
func (m *Members) Refresh(ctx context.Context) error {
	err := m.refresh(ctx)
	m.metrics.entries.WithLabelValues().Set(float64(m.Len()))
	return err
}

// Put writes values; nil forgets a member. It returns nil when all are acknowledged and visible; after an error some
// may be, or become so.
func (m *Members) Put(ctx context.Context, keys [][16]byte, values [][]byte) error {
	records := make([]pipeline.Record, len(keys))
	for i := range keys {
		records[i] = pipeline.Record{Key: keys[i][:], Value: values[i]}
	}
	return m.write(ctx, records, true)
}

// apply takes over records of the topic, all of them or none in the eyes of readers. Records with other keys than ours
// are someone else's.
func (m *Members) apply(records []pipeline.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range records {
		if r := &records[i]; len(r.Key) == len(key{}) {
			m.replace(key(r.Key), r.Value)
		}
	}
}

func (m *Members) held(yield func(pipeline.Record) bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for k, value := range m.table.all {
		if !yield(pipeline.Record{Key: k[:], Value: slices.Clone(value)}) {
			return
		}
	}
}

func (m *Members) replace(k key, value []byte) {
	if old, ok := m.table.get(k); ok {
		m.claims(old, m.counts.drop)
	}
	if value == nil {
		m.table.remove(k)
		return
	}
	if m.table.set(k, value) {
		m.claims(value, m.counts.add)
	}
}

// Get appends a member's value to dst, or nothing.
func (m *Members) Get(dst []byte, member [16]byte) []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, _ := m.table.get(member)
	return append(dst, value...)
}

// Claimants is the number of members that hold the claim.
func (m *Members) Claimants(claim []byte) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.counts.of(claim)
}

// Find returns some members whose value is as asked, at most limit.
func (m *Members) Find(is func(value []byte) bool, limit int) (found [][16]byte) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for k, value := range m.table.all {
		if len(found) == limit {
			break
		}
		if is(value) {
			found = append(found, k)
		}
	}
	return found
}

// Count is the number of members whose value is as asked.
func (m *Members) Count(is func(value []byte) bool) (n int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, value := range m.table.all {
		if is(value) {
			n++
		}
	}
	return n
}

// Len is the number of members.
func (m *Members) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.table.len
}
