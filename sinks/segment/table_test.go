package segment

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// told brings rows into a table as a topic tells them: offsets count up, and every row is settled below the mark.
func (s *scene) told(t *Table, offset int64, member int, c pipeline.Change) {
	s.t.Helper()
	r := s.record(member, offset)
	var items pipeline.Items
	c.Shape, c.Key = s.shape, r.Key
	t.Add(&r, &items, s.sink.plan.Maker().Make(&items, 0, &c))
}

func below(mark int64) func(string, int32, int64) bool {
	return func(_ string, _ int32, offset int64) bool { return offset < mark }
}

func TestATableFindsWhatIsMissingAndWhatIsTooMuchAndARepairEndsIt(t *testing.T) {
	s := newScene(t, newsletter)
	s.rowAt(1, 1, upsert("ann@x.org"))
	s.rowAt(2, 2, upsert("bob@x.org"))
	s.rowAt(3, 3, upsert("cy@x.org"))
	s.rowAt(4, 4, upsert("home@x.org"))
	s.rowAt(5, 5, upsert("home@x.org"))
	s.put(6, record{pending: true, offset: 6, leaves: s.claim("eve@x.org"), time: time.Now().UnixMilli()}) // its calls were cut off
	table := s.sink.NewTable()
	s.told(table, 1, 1, upsert("ann@x.org"))
	s.told(table, 2, 2, upsert("bob@x.org"))
	s.told(table, 7, 2, upsert("bob@x.net")) // moved, and nobody read it
	// Of 3 the topic has no row any more.
	s.told(table, 8, 4, gone)
	s.told(table, 5, 5, upsert("home@x.org"))
	s.told(table, 6, 6, upsert("eve@x.net"))
	s.told(table, 9, 7, upsert("new@x.org"))
	s.told(table, 20, 1, upsert("ann@x.net")) // not settled

	c := table.Compare(below(20), true)
	if c.Missing != 2 || c.TooMuch != 3 || c.Waiting != 1 || c.Open != 1 || c.Untold != 0 || c.Wrong() != 5 {
		t.Fatalf("found %+v", *c)
	}
	rows := map[pipeline.Position]pipeline.Record{}
	for _, at := range c.Rows() {
		rows[at] = pipeline.Record{Topic: at.Topic, Partition: at.Partition, Offset: at.Offset, Key: []byte("x"), Timestamp: time.UnixMilli(1_700_000_000_000 + at.Offset)}
	}
	if n, err := s.sink.Repair(t.Context(), c, rows); err != nil || n != 5 {
		t.Fatalf("repaired %d, error %v", n, err)
	}
	s.holds("after the repair", "ann@x.org", "bob@x.net", "home@x.org", "eve@x.net", "new@x.org")
	if c := table.Compare(below(20), true); c.Wrong() != 0 {
		t.Errorf("after the repair there is still %+v", *c)
	}
	s.rowAt(20, 1, gone)
	s.rowAt(21, 5, gone)
	s.rowAt(22, 4, upsert("dan@x.org"))
	s.holds("after rows that came later", "bob@x.net", "dan@x.org", "eve@x.net", "new@x.org")
}

func TestATopicThatIsNotWholeSaysNothingOfThoseItDoesNotName(t *testing.T) {
	s := newScene(t, newsletter)
	s.rowAt(1, 1, upsert("ann@x.org"))
	c := s.sink.NewTable().Compare(below(20), false)
	if c.Wrong() != 0 || c.Untold != 1 {
		t.Errorf("found %+v, want one of whom nothing is told", *c)
	}
}

func TestARowThatIsPassedOverLeavesItsMemberAsItWas(t *testing.T) {
	s := newScene(t, newsletter)
	table := s.sink.NewTable()
	s.told(table, 1, 1, upsert("ann@x.org"))
	r := s.record(1, 2)
	table.Add(&r, &pipeline.Items{}, pipeline.SkipFiltered)
	other := s.record(2, 3) // of whom the topic has no other row
	table.Add(&other, &pipeline.Items{}, pipeline.SkipFiltered)
	s.put(2, record{offset: 1, wants: s.claim("bob@x.org")})
	c := table.Compare(below(20), true)
	if c.People != 1 || c.Missing != 1 || c.TooMuch != 0 || c.Untold != 1 {
		t.Errorf("found %+v", *c)
	}
}

// The same key in two partitions, as after its schema was registered again: the later row counts, in whatever order they are read.
func TestOfRowsInSeveralPartitionsTheLaterCounts(t *testing.T) {
	s := newScene(t, newsletter)
	old, late := s.record(1, 50), s.record(1, 2)
	late.Partition, late.Timestamp = 1, old.Timestamp.Add(time.Second)
	for _, order := range [][]pipeline.Record{{old, late}, {late, old}} {
		table := s.sink.NewTable()
		for _, r := range order {
			var items pipeline.Items
			c := upsert("ann@x.org")
			if r.Partition == 1 {
				c = upsert("ann@x.net")
			}
			c.Shape, c.Key = s.shape, r.Key
			table.Add(&r, &items, s.sink.plan.Maker().Make(&items, 0, &c))
		}
		row := slices.Collect(maps.Values(table.rows))[0]
		if !sameSet(table.claims(row), s.claim("ann@x.net")) {
			t.Errorf("of partitions in the order %d, %d the older row counts", order[0].Partition, order[1].Partition)
		}
	}
}
