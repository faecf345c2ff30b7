package audiencefile

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// madeAgain deletes the topic and creates it again, empty.
func (t *topic) madeAgain(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partitions, t.starts, t.id, t.table = newTopic(len(t.partitions)).partitions, make([]int64, len(t.starts)), id, map[string]string{}
}

func TestRejectedRowsOfATopicMadeAgainGetTheirLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		w.topic.write("bad-old", "nonsense")
		if m := w.instance(tempDir(t)).upload(Uploaded, Options{}); m.Letters != 1 {
			t.Fatalf("got %d letters of the old topic, want 1", m.Letters)
		}
		<-time.After(25 * time.Hour)
		w.topic.madeAgain("t2")
		for i := range 4 * len(w.topic.partitions) { // at the offsets that the old topic's marks are behind
			w.topic.writeTo(i%len(w.topic.partitions), fmt.Sprint("bad-new-", i), "nonsense")
		}
		w.people(3000, 4700)
		m := w.instance(tempDir(t)).upload(Uploaded, Options{})
		if want := int64(4 * len(w.topic.partitions)); m.Letters != want {
			t.Errorf("got %d letters of the new topic, want %d", m.Letters, want)
		}
	})
}
