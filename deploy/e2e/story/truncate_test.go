//go:build e2e

package story

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// A table that fills an audience is emptied at once. Debezium tells so in one record without rows: nobody leaves, and
// tokrelay says so. What was emptied row by row is followed, also by way of the trigger that
// deploy/debezium/truncate.sql puts before every TRUNCATE.
func TestATruncatedTableIsToldAndNobodyLeavesUntilTheRowsAreDeleted(t *testing.T) {
	f := newFlow(t, "truncated", options{})
	f.day()
	p := f.start()
	f.laws()
	members := f.members("People", "EMAIL_SHA256")
	f.source.exec(t, "CREATE TABLE before AS SELECT * FROM people; TRUNCATE people")
	f.source.exec(t, "INSERT INTO people VALUES (900000, 'after@example.com', true)")
	f.source.written(t)
	f.caughtUp()
	same(t, "members after the table was emptied at once", f.members("People", "EMAIL_SHA256"), slices.Concat(members, f.source.rows(t, sqlMembers)))
	until(t, "tokrelay says that the table was truncated", func() bool { return strings.Contains(p.Said(), "truncated") })

	f.source.exec(t, "INSERT INTO people SELECT * FROM before")
	f.source.exec(t, "DELETE FROM people WHERE id IN (SELECT id FROM before)")
	f.laws()

	if out, err := psql(t.Context(), f.source.schema, "-v", "table=people", "-f", "../../debezium/truncate.sql"); err != nil {
		t.Fatalf("psql -f truncate.sql: %v\n%s", err, out)
	}
	f.day()
	f.source.exec(t, "TRUNCATE people")
	f.source.exec(t, "INSERT INTO people VALUES (900001, 'new@example.com', true)")
	f.laws()
}

// A compacted topic takes no record without a key, and that of a TRUNCATE has none: with skipped.operations=none the
// connector stops for good. Without that setting it knows of no TRUNCATE and goes on.
func TestATruncateStopsAConnectorThatWritesToACompactedTopicOnlyWithoutSkippedOperations(t *testing.T) {
	f := newFlow(t, "truncatedlog", options{})
	f.day()
	f.start()
	f.laws()
	f.alter(f.topics["people"][0], map[string]string{"cleanup.policy": "compact"})
	f.source.exec(t, "TRUNCATE people")
	until(t, "the connector has failed", func() bool { return strings.Contains(f.source.status(f.name), `"FAILED"`) })
	stack(t, "disconnect", f.name)
	f.source.connect(t, "envelope.json", f.name, `"skipped.operations": "none"`, `"skipped.operations": "t"`)
	f.day()
	f.source.written(t)
	f.caughtUp()
	same(t, "events", f.events(pixel), f.source.rows(t, "SELECT event_id FROM events WHERE fault IS NULL"))
}

// status is what Connect says of a connector; nothing where it does not answer.
func (s *source) status(name string) string {
	response, err := http.Get(os.Getenv("E2E_CONNECT") + "/connectors/" + name + "/status")
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}
