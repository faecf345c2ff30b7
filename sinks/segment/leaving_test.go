package segment

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// configs are the ways of knowing what a member was: from memory, and from the row before its change.
var configs = []string{"", "remember: always", "remember: never", "unshared: true"}

// eachWay plays a scene each way, with full before-images.
func eachWay(t *testing.T, play func(t *testing.T, s *scene)) {
	for _, config := range configs {
		t.Run(config, func(t *testing.T) {
			s := newScene(t, newsletter)
			s.full = true
			s.start(newsletter + config)
			play(t, s)
		})
	}
}

func inserted(p person) pipeline.Change {
	return pipeline.Change{Op: pipeline.Insert, After: p.image()}
}

// changed is an update with a full before-image.
func moved(before, after person) pipeline.Change {
	return pipeline.Change{Op: pipeline.Update, Before: before.image(), BeforeComplete: true, After: after.image()}
}

func dropped(before person) pipeline.Change {
	return pipeline.Change{Op: pipeline.Delete, Before: before.image(), BeforeComplete: true}
}

func (s *scene) phones(when string, want ...string) {
	s.t.Helper()
	digests := []string{}
	for _, p := range want {
		digests = append(digests, digest(p))
	}
	if got := s.sandbox.Members(s.target)["PHONE_SHA256"]; !slices.Equal(got, digests) {
		s.t.Errorf("%s: TikTok holds the numbers %v, want %v", when, got, digests)
	}
}

func TestAnErasureTakesTheMemberOutWhateverItWasWrittenOverWith(t *testing.T) {
	ada := person{email: "ada@x.org", phone: "+12133734253", member: true}
	for _, over := range []string{"deleted", "n/a", "", "null", "-", "anonymized", "x@x@x"} {
		t.Run(fmt.Sprintf("%q", over), func(t *testing.T) {
			eachWay(t, func(t *testing.T, s *scene) {
				s.row(1, inserted(ada))
				erased := person{email: over, phone: over, member: true}
				s.row(1, moved(ada, erased))
				s.holds("once the row is erased")
				s.phones("once the row is erased")
				s.row(1, dropped(erased))
				s.holds("once it is deleted")
			})
		})
	}
}

func TestARejectedRowTakesItsMemberOutUntilItIsCorrected(t *testing.T) {
	eachWay(t, func(t *testing.T, s *scene) {
		good := person{email: "ada@x.org", phone: "+12133734253", member: true}
		bad := person{email: "ada@x.org", phone: "none of your business", member: true}
		s.row(1, inserted(good))
		if got := s.row(1, moved(good, bad)); got != pipeline.DeadLettered {
			t.Errorf("the rejected row: got %v, want dead-lettered", got)
		}
		if got := s.letters.reasons(); !slices.Equal(got, []pipeline.Reason{pipeline.InvalidPhone}) {
			t.Errorf("letters: got %v, want one of invalid_phone", got)
		}
		s.holds("after the rejected row")
		s.row(1, moved(bad, good))
		s.holds("after the corrected row", "ada@x.org")
		s.phones("after the corrected row", "+12133734253")
	})
}

func TestAnOptOutCountsWhateverElseIsWrongWithItsRow(t *testing.T) {
	eachWay(t, func(t *testing.T, s *scene) {
		good := person{email: "ada@x.org", member: true}
		bad := person{email: "ada@x.org", phone: "broken", member: false}
		s.row(1, inserted(good))
		s.row(1, moved(good, bad))
		s.holds("after the opt-out")
	})
}

// What an earlier version left in: it let a rejected row change nothing.
func TestOfARowBeforeItsChangeWhatCanBeReadLeaves(t *testing.T) {
	for name, c := range map[string]pipeline.Change{
		"a delete":        dropped(person{email: "broken", phone: "+12133734253", member: true}),
		"an opt-out":      moved(person{email: "broken", phone: "+12133734253", member: true}, person{email: "broken", phone: "+12133734253"}),
		"a rejected row":  moved(person{email: "broken", phone: "+12133734253", member: true}, person{email: "worse", phone: "+12133734253", member: true}),
		"another address": moved(person{email: "broken", phone: "+12133734253", member: true}, person{email: "ada@x.org", member: true}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, newsletter)
			s.full = true
			s.start(newsletter + "remember: never")
			s.row(1, inserted(person{phone: "+12133734253", member: true}))
			s.row(1, c)
			s.phones("then")
		})
	}
}

func TestAValueThatWasNotReadFromTheDatabaseHasNotChanged(t *testing.T) {
	eachWay(t, func(t *testing.T, s *scene) {
		ada := person{email: "ada@x.org", member: true}
		s.row(1, inserted(ada))
		c := moved(ada, ada)
		c.Before.Values[1] = text("+1") // something else has changed
		c.After.Values[0] = pipeline.UnavailableValue()
		if got := s.row(1, c); got != pipeline.DeadLettered {
			t.Errorf("got %v, want dead-lettered", got)
		}
		s.holds("then", "ada@x.org")
	})
}

func TestARowThatTheSyncsConditionLeavesOutIsNotAMember(t *testing.T) {
	eachWay(t, func(t *testing.T, s *scene) {
		ada := person{email: "ada@x.org", member: true}
		s.row(1, inserted(ada))
		filtered := func(*pipeline.Change) error { return pipeline.SkipFiltered }
		if got := s.through(s.record(1, 7), filtered, moved(ada, ada)); got != pipeline.Delivered {
			t.Errorf("got %v, want the delete delivered", got)
		}
		s.holds("then")
	})
}

func TestARowThatCannotBeDecodedTakesARememberedMemberOut(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ada@x.org"))
	unreadable := func(*pipeline.Change) error {
		return pipeline.Reject(pipeline.StageDecode, pipeline.AvroDecode, "", "")
	}
	if got := s.through(s.record(1, 7), unreadable, upsert("")); got != pipeline.DeadLettered {
		t.Errorf("got %v, want dead-lettered", got)
	}
	s.holds("then")
}

func TestAReplayedRowThatWasRejectedDoesNotUndoANewerOne(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ada@x.org"))
	s.row(1, upsert("broken"))
	rejected := s.next
	s.row(1, upsert("new@x.org"))
	if got := s.rowAt(rejected, 1, upsert("corrected@x.org")); got != pipeline.Skipped {
		t.Errorf("behind a newer row: got %v, want skipped", got)
	}
	s.holds("after the replay", "new@x.org")
	s.row(1, upsert("broken"))
	if got := s.rowAt(s.next, 1, upsert("corrected@x.org")); got != pipeline.Delivered {
		t.Errorf("the newest row: got %v, want delivered", got)
	}
	s.holds("after the other replay", "corrected@x.org")
}

func (s *scene) tombstone(member int) pipeline.Outcome {
	s.next++
	r := s.record(member, s.next)
	r.Value = nil
	return s.through(r, nil, gone)
}

func TestATombstoneIsADeleteOfItsKey(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ada@x.org"))
	if got := s.tombstone(1); got != pipeline.Delivered {
		t.Errorf("all that compaction left: got %v, want delivered", got)
	}
	s.holds("then")
	if got := s.tombstone(1); got != pipeline.Skipped {
		t.Errorf("behind a delete: got %v, want skipped", got)
	}
	if got := s.tombstone(2); got != pipeline.Skipped || len(s.letters.letters) != 0 {
		t.Errorf("of a key of which nothing is known: got %v and the letters %v, want it skipped and none", got, s.letters.reasons())
	}
}

func TestMembersThatWereRememberedByKeysWithTheirFramingAreTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		framing string // of the key that comes now
		change  pipeline.Change
		want    []string
	}{
		"a delete":                          {"(1)", gone, nil},
		"another address":                   {"(1)", upsert("new@x.org"), []string{"new@x.org"}},
		"no change":                         {"(1)", upsert("ada@x.org"), []string{"ada@x.org"}},
		"a rejected row":                    {"(1)", upsert("broken"), nil},
		"the key's schema registered again": {"(2)", upsert("new@x.org"), []string{"new@x.org"}},
		"a key without framing":             {"", upsert("new@x.org"), []string{"new@x.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, newsletter)
			r := s.record(1, 1)
			r.Key = []byte("(1)1")
			s.sink.deps.Identity = nil // an earlier version
			s.through(r, nil, upsert("ada@x.org"))
			s.start(newsletter)
			s.sink.deps.Framings = func(string) [][]byte { return [][]byte{[]byte("(1)"), []byte("(2)")} }
			r.Key, r.Offset = []byte(c.framing+"1"), 2
			s.through(r, nil, c.change)
			s.holds("then", c.want...)
			if _, ok := readRecord(s.sink.deps.Memory.Get(nil, keyOf(r.Topic, []byte("(1)"), []byte("1")))); ok {
				t.Error("the member is still remembered by its earlier name as well")
			}
		})
	}
}

func TestMembersOfATopicThatWasRenamedAreTakenOver(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ada@x.org"))
	s.row(2, upsert("bob@x.org"))
	s.generation++ // a resync
	s.start(newsletter)
	s.sink.deps.Formers = func(topic string) []string {
		if topic == "eu.customers" {
			return []string{"shop.customers"}
		}
		return nil
	}
	in := func(member int, offset int64, c pipeline.Change) {
		r := s.record(member, offset)
		r.Topic = "eu.customers"
		s.through(r, nil, c)
	}
	in(1, 0, upsert("new@x.org")) // below the offset it had in the other topic
	in(2, 1, gone)
	s.holds("then", "new@x.org")
}
