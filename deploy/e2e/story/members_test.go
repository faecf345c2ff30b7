//go:build e2e

package story

import (
	"encoding/binary"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// keySchemas are the ids of the schemas that a topic's keys name.
func keySchemas(records []*kgo.Record) []uint32 {
	ids := map[uint32]bool{}
	for _, r := range records {
		if len(r.Key) > 5 {
			ids[binary.BigEndian.Uint32(r.Key[1:])] = true
		}
	}
	return slices.Collect(maps.Keys(ids))
}

// A row stays the same row when the schema of its key is registered again: people who leave, move or are deleted afterwards are
// out by the address that was sent before. And people who were deleted while nobody ran are out, though the broker's cleaner
// has left nothing of their rows but tombstones.
func TestWhoLeftIsOutAlsoByAnotherKeySchemaAndWhereOnlyATombstoneIsLeft(t *testing.T) {
	f := newFlow(t, "left", options{syncs: fileSync, env: []string{"WORK_FOLDER=" + t.TempDir()}})
	f.source.exec(t, "INSERT INTO people SELECT n, 'bulk' || n || '@example.com', true FROM generate_series(500000, 501500) n")
	people := f.topics["people"][0]
	p := f.start()
	f.day()
	f.laws()
	before := keySchemas(f.records(people))

	stack(t, "disconnect", f.name) // it goes on where it was
	f.source.connect(t, "envelope.json", f.name, `"skipped.operations": "none"`, `"skipped.operations": "none", "transforms": "key",
		"transforms.key.type": "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key", "transforms.key.schema.version": "2"`)
	f.day()
	f.laws()
	if now := keySchemas(f.records(people)); len(now) <= len(before) {
		t.Fatalf("keys name the schemas %v, before the connector was made again %v: the test looks at nothing", now, before)
	}
	f.run("audience", "upload", "--sync", "everybody")
	same(t, "lines of the file", f.members("Everybody", "EMAIL_SHA256"), f.source.rows(t, sqlMembers))
	if says := f.run("audience", "verify", "--sync", "people"); !strings.Contains(says, "nothing is missing and nothing is too much") {
		t.Errorf("the verification says:\n%s", says)
	}
	p.Stop(os.Interrupt)

	from := map[int32]int64{} // what a key of the old schema left before that is no concern of the new one's tombstones
	for _, end := range f.ends(people) {
		from[end.Partition] = end.Offset
	}
	gone := map[string]bool{}
	for _, id := range f.source.rows(t, "DELETE FROM people WHERE id % 3 = 1 RETURNING id") {
		gone[id] = true
	}
	f.source.written(t)
	f.alter(people, map[string]string{"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "file.delete.delay.ms": "100"})
	until(t, "the cleaner has left tombstones alone of those who were deleted", func() bool {
		// Rows for every partition: a segment that nobody writes to is not rolled, and not cleaned.
		f.source.exec(t, "INSERT INTO people SELECT n, 'roll' || n || '@example.com', true FROM generate_series(1000000, 1000020) n ON CONFLICT (id) DO UPDATE SET opted_in = NOT people.opted_in")
		tombstones := 0
		for _, r := range f.records(people) {
			if r.Offset < from[r.Partition] || !gone[rowText(t, r)] {
				continue
			}
			if r.Value != nil {
				return false
			}
			tombstones++
		}
		return tombstones >= len(gone)
	})
	f.start()
	f.laws()
}

// rowText is a record's key as SQL prints it.
func rowText(t *testing.T, r *kgo.Record) string { return strconv.FormatInt(rowID(t, r), 10) }

// A connector that is made again with another prefix writes the same table to another topic. The sync that is to read that stops and
// says so; a resync takes the members over, and takes those out who left while no topic told of them.
func TestATopicWithAnotherPrefixStopsTheAudienceUntilAResyncTakesItsMembersOver(t *testing.T) {
	f := newFlow(t, "prefix", options{})
	p := f.start()
	f.day()
	f.laws()
	p.Stop(os.Interrupt)

	f.source.exec(t, "DELETE FROM people WHERE id % 11 = 3")
	f.source.written(t) // to the topic that is read no more
	again := f.name + "_again"
	f.source.connect(t, "envelope.json", again)
	f.source.written(t)
	text, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	old, renamed := f.topics["people"][0], again+"."+f.name+".people"
	if err := os.WriteFile(f.config, []byte(strings.ReplaceAll(string(text), old, renamed)), 0o600); err != nil {
		t.Fatal(err)
	}
	f.topics["people"] = []string{renamed}
	p = f.start()
	f.waitsFor("tokrelay resync --sync people")
	p.Stop(os.Interrupt)

	f.run("resync", "--sync", "people", "--yes")
	f.start()
	f.source.exec(t, "UPDATE people SET email = 'again' || id || '@example.com' WHERE id % 6 = 1; DELETE FROM people WHERE id % 9 = 4")
	f.source.written(t)
	until(t, "the owners have taken out who did not come again", func() bool { return len(f.members("People", "EMAIL_SHA256")) == len(set(f.source.rows(t, sqlMembers))) })
	f.laws()
	if says := f.run("audience", "verify", "--sync", "people"); !strings.Contains(says, "nothing is missing and nothing is too much") {
		t.Errorf("the verification says:\n%s", says)
	}
}
