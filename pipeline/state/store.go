package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
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
	later  map[string]int // documents of a later form, by key
	leases map[string]lease
}

// form is the version of what is written here. A record that does not name one is of the first.
const (
	form       = 1
	formHeader = "tokrelay.form"
)

// LaterForm says that a document was written by a later version of tokrelay.
type LaterForm struct {
	Key  string
	Form int
}

func (e *LaterForm) Error() string {
	return fmt.Sprintf("the document %s has form %d, and this version of tokrelay knows forms up to %d: run the version that wrote it, or a later one", e.Key, e.Form, form)
}

// written is a record as this version writes it.
func written(key string, value []byte) pipeline.Record {
	return pipeline.Record{Key: []byte(key), Value: value, Headers: []pipeline.Header{{Key: formHeader, Value: []byte(strconv.Itoa(form))}}}
}

// formOf is the form that a record names. One that cannot be read is later than all that are known.
func formOf(r *pipeline.Record) int {
	text, named := r.Header(formHeader)
	if !named {
		return 1
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return math.MaxInt
	}
	return n
}

// The kinds of records, as their keys begin.
const (
	docPrefix   = "doc/"
	leasePrefix = "lease/"
)

// NewStore makes an empty Store of a state topic; the first Refresh fills it. now is the clock of leases.
func NewStore(l Log, now func() time.Time) *Store {
	s := &Store{me: rand.Text(), now: now, docs: map[string][]byte{}, later: map[string]int{}, leases: map[string]lease{}}
	s.follower = newFollower(l, s.apply, s.held)
	return s
}

// Refresh returns when everything that any instance had written when it was called is visible here. A document of a later form
// is an error, *LaterForm, until it is gone: what depends on it must not go on without.
func (s *Store) Refresh(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, key := range slices.Sorted(maps.Keys(s.later)) {
		return fmt.Errorf("read %s: %w", s.Topic, &LaterForm{key, s.later[key]})
	}
	return nil
}

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
	return s.write(ctx, []pipeline.Record{written(docPrefix+key, doc)}, true)
}

func (s *Store) apply(records []pipeline.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		r := &records[i]
		if key, ok := strings.CutPrefix(string(r.Key), docPrefix); ok {
			s.replace(key, r.Value, formOf(r))
		}
		if name, ok := strings.CutPrefix(string(r.Key), leasePrefix); ok {
			s.leases[name] = s.leases[name].after(r.Value)
		}
	}
}

func (s *Store) replace(key string, doc []byte, of int) {
	delete(s.later, key)
	if doc != nil && of > form {
		s.later[key], doc = of, nil
	}
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
		if !yield(written(docPrefix+key, doc)) {
			return
		}
	}
	for name, l := range s.leases {
		text, err := json.Marshal(claim{Owner: l.owner, At: s.now(), Until: l.until})
		if err == nil && l.owner != "" && !yield(written(leasePrefix+name, text)) {
			return
		}
	}
}
