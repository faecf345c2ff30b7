//go:build e2e

package story

import (
	"net/url"
	"os"
	"slices"
	"testing"
)

// The primary dies and a standby takes its place, without the connector's slot, which PostgreSQL before 17 keeps to itself.
// The application goes on before Debezium is back, and Debezium makes a new slot and a new snapshot. That brings back every
// row there is; what it cannot tell is which rows were deleted meanwhile. They are deleted once more, as
// docs/operations/disaster-recovery.md says, and then TikTok holds what SQL says.
func TestAFailoverOfTheDatabaseWithoutItsSlotLosesNothing(t *testing.T) {
	f := newFlow(t, "failover", options{})
	t.Cleanup(func() {
		stack(t, "stop", "postgres2")
		stack(t, "start", "postgres")
	})
	f.source.exec(t, `CREATE TABLE gone (op text, LIKE people);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO gone VALUES (TG_OP, OLD.*); RETURN NULL; END';
		CREATE TRIGGER note AFTER UPDATE OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION note()`)
	f.day()
	f.start()
	f.underWay()
	stack(t, "start", "postgres2")
	f.day()
	at := f.source.rows(t, "SELECT pg_current_wal_lsn()")[0]
	until(t, "the standby has everything", func() bool {
		return f.source.rows(t, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'walreceiver' AND replay_lsn >= '"+at+"'")[0] == "1"
	})
	stack(t, "signal", "QUIT", "postgres")
	stack(t, "promote", "postgres2")
	t.Setenv("E2E_POSTGRES", os.Getenv("E2E_STANDBY"))

	f.day() // nobody reads along
	stack(t, "disconnect", f.name)
	f.source.connect(t, "envelope.json", f.name, "@PG_PORT@", standbyPort(t), `"snapshot.mode": "initial"`, `"snapshot.mode": "when_needed"`)
	f.day()
	f.source.written(t)
	f.caughtUp()
	former := f.source.rows(t, "SELECT encode(sha256(convert_to(lower(trim(email)), 'UTF8')), 'hex') FROM gone")
	same(t, "members, and those who were", slices.Concat(f.members("People", "EMAIL_SHA256"), former), slices.Concat(f.source.rows(t, sqlMembers), former))
	f.source.exec(t, "INSERT INTO people SELECT DISTINCT ON (id) id, email, opted_in FROM gone WHERE op = 'DELETE' ON CONFLICT DO NOTHING")
	f.source.exec(t, "DELETE FROM people WHERE id IN (SELECT id FROM gone WHERE op = 'DELETE')")
	f.laws()
}

func standbyPort(t *testing.T) string {
	t.Helper()
	address, err := url.Parse(os.Getenv("E2E_STANDBY"))
	if err != nil {
		t.Fatal(err)
	}
	return address.Port()
}
