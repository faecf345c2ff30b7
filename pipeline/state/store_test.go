package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestADocumentIsWhatItsLastWriterWrote(t *testing.T) {
	shared := newTopic(2)
	a, b := NewStore(shared.log(), time.Now), NewStore(shared.log(), time.Now)
	for i, s := range []*Store{a, b, a, b} {
		if err := s.Put(t.Context(), "audience/newsletter", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	shared.compact()
	for name, s := range map[string]*Store{"a": a, "b": b, "a new one": NewStore(shared.log(), time.Now)} {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if doc, _ := s.Get("audience/newsletter"); string(doc) != "3" {
			t.Errorf("%s: got %q, want 3", name, doc)
		}
	}
}

func TestARemovedDocumentIsGone(t *testing.T) {
	s := NewStore(newTopic(1).log(), time.Now)
	for _, key := range []string{"upload/b", "upload/a", "audience/x"} {
		if err := s.Put(t.Context(), key, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), "upload/b", nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get("upload/b"); ok {
		t.Error("the document is still there")
	}
	if got, want := s.Keys("upload/"), []string{"upload/a"}; !slices.Equal(got, want) {
		t.Errorf("keys: got %v, want %v", got, want)
	}
}

func TestOneOfManyInstancesHasALease(t *testing.T) {
	for range 50 {
		shared := newTopic(1 + rand.IntN(3))
		var mu sync.Mutex
		var holders []int
		var asking sync.WaitGroup
		for i := range 5 {
			asking.Go(func() {
				s := NewStore(shared.log(), time.Now)
				got, err := s.TryLock(context.Background(), "create/1/Newsletter", time.Minute)
				if err != nil {
					t.Error(err)
				}
				if got {
					mu.Lock()
					holders = append(holders, i)
					mu.Unlock()
				}
			})
		}
		asking.Wait()
		if len(holders) != 1 {
			t.Fatalf("got holders %v, want exactly one", holders)
		}
	}
}

func TestALeaseCanBeGivenBackHeldForLongerAndOutlived(t *testing.T) {
	shared, now := newTopic(1), time.Unix(1000, 0)
	clock := func() time.Time { return now }
	a, b := NewStore(shared.log(), clock), NewStore(shared.log(), clock)
	ask := func(s *Store, want bool, when string) {
		t.Helper()
		if got, err := s.TryLock(t.Context(), "upload", time.Minute); err != nil || got != want {
			t.Fatalf("%s: got %v, %v, want %v", when, got, err, want)
		}
	}
	ask(a, true, "free")
	ask(b, false, "held by another")
	now = now.Add(50 * time.Second)
	ask(a, true, "held for longer")
	now = now.Add(50 * time.Second)
	ask(b, false, "after it was prolonged")
	now = now.Add(11 * time.Second)
	ask(b, true, "after its time was over")
	ask(a, false, "lost to another")
	if err := a.Unlock(t.Context(), "upload"); err != nil {
		t.Fatal(err)
	}
	ask(a, false, "given back by one who does not have it")
	if err := b.Unlock(t.Context(), "upload"); err != nil {
		t.Fatal(err)
	}
	ask(a, true, "given back")
}

// Two syncs of a process are as strange to each other as two processes.
func TestALeaseIsOneSyncsOfTheProcess(t *testing.T) {
	s := NewStore(newTopic(1).log(), time.Now)
	one, two := s.Holder("one"), s.Holder("two")
	for _, step := range []struct {
		by   Holder
		want bool
	}{{one, true}, {two, false}, {s.Holder("one"), true}} {
		if got, err := step.by.TryLock(t.Context(), "create/1/Newsletter", time.Minute); err != nil || got != step.want {
			t.Fatalf("%s: got %v, %v, want %v", step.by.me, got, err, step.want)
		}
	}
	if err := two.Unlock(t.Context(), "create/1/Newsletter"); err != nil {
		t.Fatal(err)
	}
	if got, _ := two.TryLock(t.Context(), "create/1/Newsletter", time.Minute); got {
		t.Error("a sync gave another's lease back")
	}
	if err := one.Unlock(t.Context(), "create/1/Newsletter"); err != nil {
		t.Fatal(err)
	}
	if got, err := two.TryLock(t.Context(), "create/1/Newsletter", time.Minute); err != nil || !got {
		t.Errorf("got %v, %v, want a lease that is free again", got, err)
	}
}

// testdata/form1.json has what the first version wrote, before records named their form.
func TestWhatEarlierVersionsWroteIsReadAndWhatLaterOnesWroteIsRefusedByName(t *testing.T) {
	text, err := os.ReadFile("testdata/form1.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &records); err != nil || len(records) < 2 {
		t.Fatalf("got %d records, %v", len(records), err)
	}
	shared := newTopic(1)
	put := func(key, value string, headers ...pipeline.Header) {
		if failed := shared.log().Produce(t.Context(), []pipeline.Record{{Key: []byte(key), Value: []byte(value), Headers: headers}}); failed[0] != nil {
			t.Fatal(failed[0])
		}
	}
	for _, r := range records {
		put(r.Key, string(r.Value))
	}
	s := NewStore(shared.log(), func() time.Time { return time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC) })
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if key, ok := strings.CutPrefix(r.Key, docPrefix); ok {
			if doc, there := s.Get(key); !there || string(doc) != string(r.Value) {
				t.Errorf("%s: got %s, want what was written", key, doc)
			}
		}
	}
	if got, err := s.TryLock(t.Context(), "upload/7/lapsed", time.Minute); got || err != nil {
		t.Errorf("the lease that the first version holds: taken %t, %v", got, err)
	}
	if err := s.Put(t.Context(), "order/own", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	last := shared.partitions[0][len(shared.partitions[0])-1]
	if version, _ := last.Header(formHeader); string(version) != "1" {
		t.Errorf("what is written names form %q, want 1", version)
	}
	for form, says := range map[string]string{"2": "has form 2, and this version of tokrelay knows forms up to 1", "two": "has form"} {
		put("doc/order/web", `{"orders":[]}`, pipeline.Header{Key: formHeader, Value: []byte(form)})
		err := s.Refresh(t.Context())
		later, ok := errors.AsType[*LaterForm](err)
		if !ok || later.Key != "order/web" || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "run the version that wrote it") {
			t.Errorf("form %s: got %v", form, err)
		}
		if doc, there := s.Get("order/web"); there {
			t.Errorf("form %s is read: %s", form, doc)
		}
	}
	put("doc/order/web", `{"paused":true}`)
	if err := s.Refresh(t.Context()); err != nil {
		t.Errorf("when the later version is gone: %v", err)
	}
}
