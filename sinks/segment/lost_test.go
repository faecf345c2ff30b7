package segment

import (
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// The members topic is gone, and with it what each row once put in. A resync reads it all again: what an earlier row of a member
// says may be held, also where a later row comes with it in one chunk.
func TestAResyncWithoutMemoryTakesOutWhatEarlierRowsPutIn(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ann@x.org"))
	s.row(2, upsert("bob@x.org"))
	s.row(3, upsert("cy@x.org"))
	s.members, s.generation, s.next = &topic{}, 1, 0
	s.start(newsletter)
	s.chunk(1, upsert("ann@x.org"), upsert("ann@x.net"))
	s.chunk(2, upsert("bob@x.org"), gone)
	s.chunk(3, upsert("cy@x.org"), pipeline.Change{Op: pipeline.Update, After: person{email: "cy@x.org"}.image()})
	s.holds("after the resync", "ann@x.net")
}

func TestAnOptOutAndAnOptInOfChangedColumnsInOneChunkAreNotLostInSilence(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", member: true}.image()})
	s.chunk(1, changed("member=false"), changed("member=true"))
	s.holds("after the opt-in that does not say who it is")
	if got, want := s.letters.reasons(), []pipeline.Reason{pipeline.UnavailableValueInRow}; !slices.Equal(got, want) {
		t.Errorf("letters: got %v, want %v", got, want)
	}
}

func TestAMemberWhoseRowWasRejectedComesBackWithTheColumnThatIsCorrected(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", member: true}.image()})
	s.next++
	s.through(s.record(1, s.next), nil, changed("email=broken"))
	s.holds("while the address cannot be read")
	s.row(1, changed("email=ann@x.net"))
	s.holds("once it is corrected", "ann@x.net")
}
