//go:build e2e

package story

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// `start: latest` is about the first start of a sync alone. After it, everything that Kafka still has is read.
var latest = options{env: []string{"START=latest"}}

// begun starts a sync with latest over a topic that has rows already, which it leaves alone, and stops it behind rows that
// it has sent.
func begun(t *testing.T, name string) *feed {
	t.Helper()
	p := newFeed(t, name, rowEvents, latest)
	p.create(p.rows(), 3)
	p.takeBack(p.write(p.rows(), 20, 0, 1, 2))
	daemon := p.start()
	p.underWay(p.rows(), 0, 1, 2)
	if code := daemon.Stop(os.Interrupt); code != 0 {
		t.Fatalf("exit code %d after a clean stop", code)
	}
	return p
}

// underWay writes a row into each partition until the sync sends them: it may not have begun yet. All rows of a partition
// from the first one that was sent on must arrive.
func (p *feed) underWay(topic string, partitions ...int32) {
	p.t.Helper()
	until(p.t, "all partitions are read", func() bool {
		n, _ := p.metric("tokrelay_partitions_assigned", `topic="`+topic+`"`)
		return int(n) == len(partitions)
	})
	time.Sleep(2 * time.Second) // from the assignment to the first fetch
	p.write(topic, 5, partitions...)
	p.arrived("what was written since the first start")
	p.commitsReach("events", topic, p.logEnds(topic))
}

func TestWithLatestNothingIsSkippedWhereRetentionOvertookTheGroup(t *testing.T) {
	p := begun(t, "latestovertaken")
	gone := p.write(p.rows(), 40, 0, 1, 2)
	p.deleteRecords(p.rows(), 0, 1, 2)
	p.takeBack(gone)
	p.write(p.rows(), 27, 0, 1, 2) // Kafka has these
	daemon := p.start()
	p.arrived("what Kafka still has")
	until(t, "the rows that are gone are counted", func() bool {
		lost, _ := p.metric("tokrelay_records_lost_total", `sync="events"`)
		return lost == float64(len(gone))
	})
	if !told(daemon, "removed") {
		t.Error("the daemon did not say that records were removed before they were read")
	}
	p.once("what Kafka still has")
}

func TestWithLatestAPartitionAddedWhileNobodyRanIsReadFromItsBeginning(t *testing.T) {
	p := begun(t, "latestpartition")
	if _, err := p.broker.CreatePartitions(t.Context(), 2, p.rows()); err != nil {
		t.Fatal(err)
	}
	p.await(p.rows(), 5)
	p.renew()
	p.write(p.rows(), 7, 0, 1, 2, 3, 4)
	p.start()
	p.arrived("rows of old and new partitions")
	p.once("rows of old and new partitions")
}

// A partition that had no row before the first start is not a new one later.
func TestWithLatestAPartitionThatWasEmptyIsReadFromItsBeginning(t *testing.T) {
	p := newFeed(t, "latestempty", rowEvents, latest)
	p.create(p.rows(), 3)
	daemon := p.start()
	p.underWay(p.rows(), 0, 1, 2) // also an empty topic has a beginning
	daemon.Stop(os.Interrupt)
	p.write(p.rows(), 9, 0, 1, 2)
	p.start()
	p.arrived("what was written while nobody ran")
	p.once("what was written while nobody ran")
}

// patternEvents reads whatever is called like the relay's rows.
var patternEvents = strings.Replace(rowEvents, "topic: %[1]s.rows", `topic_pattern: %[1]s\.rows(\.[a-z]+)?`, 1)

func TestWithLatestANewTopicOfAPatternIsReadFromItsBeginningWithin30Seconds(t *testing.T) {
	p := newFeed(t, "latestpattern", patternEvents, latest)
	p.create(p.rows(), 3)
	p.takeBack(p.write(p.rows(), 20, 0, 1, 2))
	daemon := p.start()
	p.underWay(p.rows(), 0, 1, 2)

	fresh := p.rows() + ".fresh"
	p.create(fresh, 3)
	p.write(fresh, 8, 0, 1, 2)
	began := time.Now()
	for len(p.events(pixel)) < len(p.written) && time.Since(began) < 31*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	same(t, "rows of a topic that is there for 30 seconds", p.events(pixel), p.written)

	daemon.Stop(os.Interrupt)
	later := p.rows() + ".later" // appears while nobody runs
	p.create(later, 3)
	p.write(later, 8, 0, 1, 2)
	p.start()
	p.arrived("rows of a topic that appeared while nobody ran")
	p.once("topics of a pattern")
}

// An offset beyond the end of the log, as a group has after a disaster, or set by mistake, goes to the end: sending the
// whole topic again would help nobody. It is said.
func TestAnOffsetBeyondTheEndGoesToTheEndAndIsSaid(t *testing.T) {
	for _, start := range []string{"earliest", "latest"} {
		t.Run(start, func(t *testing.T) {
			p := newFeed(t, "farahead"+start, rowEvents, options{env: []string{"START=" + start}})
			p.create(p.rows(), 3)
			daemon := p.start()
			p.underWay(p.rows(), 0, 1, 2)
			daemon.Stop(os.Interrupt)
			beyond := kadm.Offsets{}
			for id, end := range p.logEnds(p.rows()) {
				beyond.AddOffset(p.rows(), id, end+1000, -1)
			}
			if err := p.broker.CommitAllOffsets(t.Context(), p.name+".events", beyond); err != nil {
				t.Fatal(err)
			}
			daemon = p.start()
			until(t, "the daemon says that the offset is beyond the end", func() bool {
				return told(daemon, "beyond the end")
			})
			p.write(p.rows(), 5, 0, 1, 2)
			p.arrived("what was written afterwards")
			p.once(fmt.Sprintf("an offset beyond the end, with start: %s", start))
		})
	}
}
