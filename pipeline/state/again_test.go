package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// again makes the topic one that was deleted and created again, with new documents in it.
func (t *topic) again(id string, n int) documents {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partitions, t.id = make([][]pipeline.Record, len(t.partitions)), id
	model := documents{}
	for i := range n {
		key := fmt.Sprintf("new/%d", i)
		t.append(&pipeline.Record{Key: []byte(docPrefix + key), Value: fmt.Append(nil, i)})
		model[key] = fmt.Sprint(i)
	}
	return model
}

// fill writes n documents that are old.
func fill(t *testing.T, s *Store, n int) documents {
	t.Helper()
	model := documents{}
	for i := range n {
		key := fmt.Sprintf("old/%d", i)
		if err := s.Put(t.Context(), key, []byte("old")); err != nil {
			t.Fatal(err)
		}
		model[key] = "old"
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return model
}

func TestATopicThatWasMadeAgainIsReadAndGetsWhatItLacks(t *testing.T) {
	for _, c := range []struct {
		name      string
		old, new  string // ids
		documents int    // of the new topic; the old one had 60
	}{
		{"a shorter one", "first", "second", 5},
		{"a longer one", "first", "second", 500},
		{"an empty one", "first", "second", 0},
		{"a shorter one, of brokers without ids", "", "", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := newTopic(3)
			topic.id = c.old
			s := storeOf(topic)
			model := fill(t, s, 60)
			maps.Copy(model, topic.again(c.new, c.documents))
			if c.documents > 0 { // what another instance has written since is newer
				topic.append(&pipeline.Record{Key: []byte(docPrefix + "old/1"), Value: []byte("newer")})
				topic.append(&pipeline.Record{Key: []byte(docPrefix + "old/2")})
				model["old/1"] = "newer"
				delete(model, "old/2")
			}
			next := storeOf(topic) // the next start
			for _, s := range []*Store{s, next, s} {
				if err := s.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				model.check(t, s, 0)
			}
			if topic.madeAgain != 1 {
				t.Errorf("said %d times that the topic was made again, want once", topic.madeAgain)
			}
		})
	}
}

func TestATopicMadeAgainThatCannotBeReadIsReadTheNextTime(t *testing.T) {
	topic := newTopic(3)
	topic.id = "first"
	down := false
	log := topic.log()
	log.Read = func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
		if down {
			return errors.New("down")
		}
		return topic.read(ctx, id, from, to, each)
	}
	s := NewStore(log, time.Now)
	old := fill(t, s, 1)
	model := topic.again("second", 20)
	down = true
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("got no error, though the topic could not be read")
	}
	old.check(t, s, 0) // nothing new is known yet
	down = false
	topic.refuse = func(r *pipeline.Record) error { return errRefused }
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("got no error, though what the topic lacks could not be written to it")
	}
	topic.refuse = nil
	maps.Copy(model, old)
	for _, s := range []*Store{s, storeOf(topic)} {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		model.check(t, s, 0)
	}
}

func TestATopicThatEndsBeforeWhatWasReadIsAnErrorWhenItIsTheSame(t *testing.T) {
	topic := newTopic(1)
	topic.id = "first"
	s := storeOf(topic)
	model := fill(t, s, 3)
	topic.partitions[0] = topic.partitions[0][:1]
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("got no error, though the topic lost records")
	}
	model.check(t, s, 0)
}

func TestDocumentsAndLeasesAreInAStateTopicThatWasMadeAgain(t *testing.T) {
	topic := newTopic(1)
	topic.id = "first"
	s := NewStore(topic.log(), time.Now)
	if err := s.Put(t.Context(), "audience/newsletter", []byte("7")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TryLock(t.Context(), "upload", time.Minute); err != nil || !got {
		t.Fatalf("lease: got %v, %v", got, err)
	}
	topic.again("second", 0)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := NewStore(topic.log(), time.Now)
	got, err := next.TryLock(t.Context(), "upload", time.Minute)
	if doc, _ := next.Get("audience/newsletter"); string(doc) != "7" || err != nil || got {
		t.Errorf("another instance: got document %q and lease %v, %v, want 7 and no lease", doc, got, err)
	}
}
