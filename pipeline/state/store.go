package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Store is the state topic: small documents by key, and leases. The last writer of a document wins; who needs more takes
// a lease first. It is safe for concurrent use.
type Store struct {
	*follower
	me  string // this instance, in leases
	now func() time.Time

	mu     sync.RWMutex
	docs   map[string][]byte
	leases map[string]lease
}

// The kinds of records, as their keys begin.
const (
	docPrefix   = "doc/"
	leasePrefix = "lease/"
)

// NewStore makes an empty Store of a state topic; the first Refresh fills it. now is the clock of leases.
func NewStore(l Log, now func() time.Time) *Store {
	s := &Store{me: rand.Text(), now: now, docs: map[string][]byte{}, leases: map[string]lease{}}
	s.follower = newFollower(l, s.apply, s.held)
	return s
}

// Refresh returns when everything that any instance had written when it was called is visible here.
func (s *Store) Refresh(ctx context.Context) error { return s.refresh(ctx) }

// Get is a document as it was last seen, and whether there is one.
func (s *Store) Get(key string) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, ok := s.docs[key]
	return slices.Clone(doc), ok
}

// Keys are the keys of documents that begin with prefix, sorted.
func (s *Store) Keys(prefix string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	keys := slices.Sorted(maps.Keys(s.docs))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) })
}

// Put writes a document; nil removes it. It returns nil when the write is acknowledged and visible.
func (s *Store) Put(ctx context.Context, key string, doc []byte) error {
	return s.write(ctx, []pipeline.Record{{Key: []byte(docPrefix + key), Value: doc}}, true)
}

func (s *Store) apply(records []pipeline.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		r := &records[i]
		if key, ok := strings.CutPrefix(string(r.Key), docPrefix); ok {
			s.replace(key, r.Value)
		}
		if name, ok := strings.CutPrefix(string(r.Key), leasePrefix); ok {
			s.leases[name] = s.leases[name].after(r.Value)
		}
	}
}

func (s *Store) replace(key string, doc []byte) {
	if doc == nil {
		delete(s.docs, key)
		return
	}
	s.docs[key] = slices.Clone(doc)
}

func (s *Store) held(yield func(pipeline.Record) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for key, doc := range s.docs {
		if !yield(pipeline.Record{Key: []byte(docPrefix + key), Value: doc}) {
			return
		}
	}
	for name, l := range s.leases {
		text, err := json.Marshal(claim{Owner: l.owner, At: s.now(), Until: l.until})
		if err == nil && l.owner != "" && !yield(pipeline.Record{Key: []byte(leasePrefix + name), Value: text}) {
			return
		}
	}
}
