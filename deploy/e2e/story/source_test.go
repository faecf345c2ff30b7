//go:build e2e

package story

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// source is a schema of PostgreSQL and the connectors that write its changes to topics. A connector has the name of its
// topics' prefix, its slot and its publication.
type source struct {
	schema     string
	connectors []string
}

// newSource makes the schema again and fills it from files; connectors come later.
func newSource(t *testing.T, schema string, files ...string) *source {
	t.Helper()
	s := &source{schema: schema}
	stack(t, "sql", "sql/database.sql")
	s.exec(t, fmt.Sprintf("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %[1]s; CREATE TABLE marks (id bigserial PRIMARY KEY)", schema))
	for _, file := range files {
		s.file(t, file)
	}
	return s
}

// connect starts a connector made from a file of connectors/, in which texts are replaced, old by new in turn.
func (s *source) connect(t *testing.T, template, name string, replaced ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("connectors", template))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".json")
	filled := strings.NewReplacer(append(replaced, "@NAME@", name, "@SCHEMA@", s.schema)...).Replace(string(text))
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	stack(t, "connector", file)
	if !slices.Contains(s.connectors, name) {
		s.connectors = append(s.connectors, name)
	}
}

// disconnect ends the connectors and their slots, which would keep PostgreSQL's log otherwise. It is for the end of a
// test, when the test's own context has ended.
func (s *source) disconnect(t *testing.T) {
	for _, name := range s.connectors {
		exec.Command("../stack", "disconnect", name).Run()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(patience); !s.dropped(name); <-tick.C {
			if time.Now().After(deadline) {
				t.Errorf("after %s still not true: the slot of %s is gone", patience, name)
				break
			}
		}
	}
}

// dropped drops a slot that nobody reads and reports whether there is none of the name.
func (s *source) dropped(name string) bool {
	slot := fmt.Sprintf("FROM pg_replication_slots WHERE slot_name = '%s'", name)
	psql(context.Background(), s.schema, "-c", "SELECT pg_drop_replication_slot(slot_name) "+slot+" AND NOT active")
	left, err := psql(context.Background(), s.schema, "-c", "SELECT count(*) "+slot)
	return err == nil && strings.TrimSpace(left) == "0"
}

// psql runs the client with the schema in its search path and gives what it printed, unaligned.
func psql(ctx context.Context, schema string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "psql", append([]string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", os.Getenv("E2E_POSTGRES")}, args...)...)
	c.Env = append(os.Environ(), "PGOPTIONS=-c search_path="+schema+",public", "PGTZ=UTC")
	out, err := c.CombinedOutput()
	return string(out), err
}

func (s *source) exec(t *testing.T, sql string) {
	t.Helper()
	s.rows(t, sql)
}

func (s *source) file(t *testing.T, name string) {
	t.Helper()
	if out, err := psql(t.Context(), s.schema, "-f", filepath.Join("sql", name)); err != nil {
		t.Fatalf("psql -f %s: %v\n%s", name, err, out)
	}
}

// rows are the lines a query gives, columns divided by "|".
func (s *source) rows(t *testing.T, query string) []string {
	t.Helper()
	out, err := psql(t.Context(), s.schema, "-c", query)
	if err != nil {
		t.Fatalf("psql: %v\n%s\n%s", err, query, out)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// written waits until everything committed so far is in Kafka: marks are written behind it, and the connectors have told
// PostgreSQL that they need nothing before the marks any more, which they do once Kafka has acknowledged it. A connector
// that gave up during an outage is started again, as the operator of Connect does.
func (s *source) written(t *testing.T) {
	t.Helper()
	at := s.rows(t, "SELECT pg_current_wal_lsn()")[0]
	query := fmt.Sprintf("SELECT count(*) FROM pg_replication_slots WHERE slot_name IN ('%s') AND confirmed_flush_lsn >= '%s'",
		strings.Join(s.connectors, "','"), at)
	looks := 0
	until(t, "the connectors have written everything to Kafka", func() bool {
		if looks++; looks%40 == 1 { // they confirm only as rows pass
			s.exec(t, "INSERT INTO marks DEFAULT VALUES")
			s.revive()
		}
		return s.rows(t, query)[0] == fmt.Sprint(len(s.connectors))
	})
}

// revive restarts the tasks that have failed.
func (s *source) revive() {
	for _, name := range s.connectors {
		if answer, err := http.Post(os.Getenv("E2E_CONNECT")+"/connectors/"+name+"/restart?includeTasks=true&onlyFailed=true", "", nil); err == nil {
			answer.Body.Close()
		}
	}
}
