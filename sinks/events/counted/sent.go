package counted

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Docs are documents by key that instances share; it is *state.Store.
type Docs interface {
	Refresh(ctx context.Context) error
	Get(key string) ([]byte, bool)
	Keys(prefix string) []string
	Put(ctx context.Context, key string, doc []byte) error
}

const (
	prefix     = "sent/" // of keys: sent/<day>/<sync>/<instance>
	writeEvery = 30 * time.Second
	keepDays   = 35  // TikTok answers for 30
	maxSeries  = 500 // names and sources of a sync and day; what comes later counts as others
)

// series is what is counted: the events of a name of a pixel or event set. The zero series counts others.
type series struct {
	Kind   string `json:"event_source,omitempty"` // web, offline, crm
	Source string `json:"event_source_id,omitempty"`
	Event  string `json:"event,omitempty"` // as TikTok reports it: CompletePayment is Purchase
}

// entry is a series with its count, as a document lists it.
type entry struct {
	series
	N int64 `json:"n"`
}

// document names a document of an instance.
type document struct{ day, sync string }

// Sent counts the events that TikTok accepted of an instance. It is safe for concurrent use.
type Sent struct {
	docs Docs
	me   string
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	counts  map[document]map[series]int64
	unsaved map[document]bool
}

// NewSent counts from nothing, under an instance name of its own: a restart is another instance.
func NewSent(docs Docs, now func() time.Time, log *slog.Logger) *Sent {
	return &Sent{docs: docs, me: rand.Text(), now: now, log: log, counts: map[document]map[series]int64{}, unsaved: map[document]bool{}}
}

// Of is the counter of a sync's calls: delivery calls it with the envelope and the bodies of events that TikTok accepted.
func (s *Sent) Of(sync string) func(envelope string, bodies iter.Seq[[]byte]) {
	return func(envelope string, bodies iter.Seq[[]byte]) {
		of, test := sourceOf(envelope)
		if test {
			return
		}
		for name, n := range named(bodies) {
			s.add(sync, series{of.Kind, of.ID, events.Reported(name)}, n)
		}
	}
}

// sourceOf reads an envelope, and whether it holds test events.
func sourceOf(envelope string) (of events.EventSource, test bool) {
	var call struct {
		events.EventSource
		TestCode string `json:"test_event_code"`
	}
	err := json.Unmarshal([]byte("{"+envelope+"}"), &call)
	return call.EventSource, call.TestCode != "" || err != nil
}

// named counts runs of events of one name: mostly all of them have the same.
func named(bodies iter.Seq[[]byte]) iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		var name []byte
		n := int64(0)
		for body := range bodies {
			if next := events.NameIn(body); n > 0 && string(next) != string(name) {
				if !yield(string(name), n) {
					return
				}
				name, n = next, 1
			} else {
				name, n = next, n+1
			}
		}
		if n > 0 {
			yield(string(name), n)
		}
	}
}

func (s *Sent) add(sync string, of series, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := document{s.now().UTC().Format(time.DateOnly), sync}
	if s.counts[d] == nil {
		s.counts[d] = map[series]int64{}
	}
	if _, known := s.counts[d][of]; !known && len(s.counts[d]) >= maxSeries {
		of = series{}
	}
	s.counts[d][of] += n
	s.unsaved[d] = true
}

// Run writes what is counted every 30 s until ctx ends. A failure is logged when it begins; the counts wait.
func (s *Sent) Run(ctx context.Context) {
	failing := false
	for pipeline.Wait(ctx, writeEvery) == nil {
		err := s.Write(ctx)
		if err != nil && !failing {
			s.log.Warn("what was sent is counted, but the count could not be written: tokrelay stats lacks it until it is", "error", err)
		}
		failing = err != nil
	}
}

// Close writes the rest, once nothing is sent any more. Where Kafka does not take it within 3 s it is lost.
func (s *Sent) Close() {
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Second)
	defer stop()
	if err := s.Write(ctx); err != nil {
		s.log.Warn("how many events were sent since the last half minute could not be written: tokrelay stats lacks them", "error", err)
	}
}

// Write writes what has been counted since it was last written.
func (s *Sent) Write(ctx context.Context) (err error) {
	for d, list := range s.take() {
		text, failed := json.Marshal(list)
		if failed == nil {
			failed = s.docs.Put(ctx, prefix+d.day+"/"+d.sync+"/"+s.me, text)
		}
		if failed != nil {
			s.again(d)
			err = errors.Join(err, failed)
		}
	}
	return err
}

// take lists what is unsaved, and forgets days that are over and written.
func (s *Sent) take() map[document][]entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := map[document][]entry{}
	for d := range s.unsaved {
		for of, n := range s.counts[d] {
			lists[d] = append(lists[d], entry{of, n})
		}
	}
	yesterday := s.now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	maps.DeleteFunc(s.counts, func(d document, _ map[series]int64) bool { return d.day < yesterday && !s.unsaved[d] })
	clear(s.unsaved)
	return lists
}

func (s *Sent) again(d document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved[d] = true
}

// perSync is what was sent of a series on a day, by sync.
type perSync map[string]int64

func (p perSync) sum() (n int64) {
	for _, one := range p {
		n += one
	}
	return n
}

// sentOf adds up what all instances have written of a day.
func sentOf(docs Docs, day string) (map[series]perSync, error) {
	all := map[series]perSync{}
	for _, key := range docs.Keys(prefix + day + "/") {
		sync, _, _ := strings.Cut(strings.TrimPrefix(key, prefix+day+"/"), "/")
		text, _ := docs.Get(key)
		var list []entry
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("read %s of the state topic: %w", key, err)
		}
		for _, e := range list {
			if all[e.series] == nil {
				all[e.series] = perSync{}
			}
			all[e.series][sync] += e.N
		}
	}
	return all, nil
}

// forget removes the documents of days that nobody asks for any more.
func forget(ctx context.Context, docs Docs, now time.Time) error {
	oldest := prefix + now.UTC().AddDate(0, 0, -keepDays).Format(time.DateOnly)
	for _, key := range slices.DeleteFunc(docs.Keys(prefix), func(key string) bool { return key >= oldest }) {
		if err := docs.Put(ctx, key, nil); err != nil {
			return err
		}
	}
	return nil
}
