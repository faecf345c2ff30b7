package audiencefile

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNextUploadIsNotWithinTikToksDayAndWasNotMadeOfATopicMadeSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		i := w.instance(tempDir(t))
		<-time.After(2*time.Hour + 59*time.Minute) // a minute before the schedule
		i.upload(Uploaded, Options{Why: "request"})
		s, err := i.Standing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wait := time.Until(s.Next); wait < 24*time.Hour {
			t.Errorf("the next upload is in %s, want one that TikTok takes", wait)
		}
		if len(s.Runs) != 1 || s.CutOf(s.Cut[0].Topic, s.Cut[0].TopicID, s.Cut[0].Partition) == 0 {
			t.Errorf("got %+v, want one run and what it was made of", s)
		}
		if to := s.CutOf(s.Cut[0].Topic, "another", s.Cut[0].Partition); to != 0 {
			t.Errorf("the topic that was made since was read up to %d", to)
		}
	})
}
