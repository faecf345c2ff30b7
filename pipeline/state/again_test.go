package state

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// again makes the topic one that was deleted and created again, with new members in it.
func (t *topic) again(id string, members int) remembered {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partitions, t.id = make([][]pipeline.Record, len(t.partitions)), id
	model := remembered{}
	for i := range members {
		k := keyOf(1000 + i)
		t.append(&pipeline.Record{Key: k[:], Value: fmt.Appendf(nil, "new%d", i)})
		model[k] = fmt.Sprintf("new%d", i)
	}
	return model
}

func TestATopicThatWasMadeAgainIsReadAndGetsWhatItLacks(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string // ids
		members  int    // of the new topic; the old one had 60
	}{
		{"a shorter one", "first", "second", 5},
		{"a longer one", "first", "second", 500},
		{"an empty one", "first", "second", 0},
		{"a shorter one, of brokers without ids", "", "", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := newTopic(3)
			topic.id = c.old
			m := NewMembers(topic.log(), lettersOf, nil)
			for i := range 60 {
				if err := m.Put(t.Context(), [][16]byte{keyOf(i)}, [][]byte{[]byte("old")}); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model := topic.again(c.new, c.members)
			if c.members > 0 { // what another instance has written since is newer
				newer, gone := keyOf(1), keyOf(2)
				topic.append(&pipeline.Record{Key: newer[:], Value: []byte("newer")})
				topic.append(&pipeline.Record{Key: gone[:]})
			}
			for i := range 60 {
				model[keyOf(i)] = "old"
			}
			if c.members > 0 {
				model[keyOf(1)] = "newer"
				delete(model, keyOf(2))
			}
			if err := m.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.check(t, m, 0)
			next := NewMembers(topic.log(), lettersOf, nil) // the next start
			if err := next.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.check(t, next, 0)
			if err := m.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.check(t, m, 0)
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
	m := NewMembers(log, lettersOf, nil)
	if err := m.Put(t.Context(), [][16]byte{keyOf(1)}, [][]byte{[]byte("old")}); err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	model := topic.again("second", 20)
	down = true
	if err := m.Refresh(t.Context()); err == nil || m.Len() != 1 {
		t.Errorf("got error %v and %d members, want an error and the old member: nothing new is known yet", err, m.Len())
	}
	down = false
	topic.refuse = func(r *pipeline.Record) error { return errRefused }
	if err := m.Refresh(t.Context()); err == nil {
		t.Error("got no error, though what the topic lacks could not be written to it")
	}
	topic.refuse = nil
	model[keyOf(1)] = "old"
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	model.check(t, m, 0)
	next := NewMembers(topic.log(), lettersOf, nil)
	if err := next.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	model.check(t, next, 0)
}

func TestATopicThatEndsBeforeWhatWasReadIsAnErrorWhenItIsTheSame(t *testing.T) {
	topic := newTopic(1)
	topic.id = "first"
	m := NewMembers(topic.log(), lettersOf, nil)
	for i := range 3 {
		if err := m.Put(t.Context(), [][16]byte{keyOf(i)}, [][]byte{[]byte("old")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic.partitions[0] = topic.partitions[0][:1]
	if err := m.Refresh(t.Context()); err == nil || m.Len() != 3 {
		t.Errorf("got error %v and %d members, want an error and the 3 members that were read", err, m.Len())
	}
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
