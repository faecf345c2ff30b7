//go:build e2e

package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

var storyPixels = []string{"PIXELPAID00000000001", "PIXELPAIDLEAN0000001", "PIXELPAIDFLAT0000001", "PIXELHAPPENED0000001",
	"PIXELHAPPENEDFLAT001", "PIXELTYPES0000000001", "PIXELTYPESFLAT000001"}

// shop is the story's source and the daemon that relays it.
type shop struct {
	*relay
	*source
	t     *testing.T
	truth string // schema of SQL's own ledger
}

func newShop(t *testing.T) *shop {
	t.Helper()
	name := "story_" + run
	s := &shop{t: t, source: newSource(t, name, "story-1-tables.sql"), truth: name + "_truth"}
	s.apply("story-2-truth.sql", "story-3-rows.sql", "story-4-types.sql")
	text, err := os.ReadFile("story.yaml")
	if err != nil {
		t.Fatal(err)
	}
	envelope, flat := name+"."+name, name+"_flat."+name
	syncs := strings.NewReplacer("@E@", envelope, "@F@", flat).Replace(string(text))
	config := sandbox.Config{KeepBodies: 100_000}
	for _, pixel := range storyPixels {
		config.Sources = append(config.Sources, sandbox.Source{ID: pixel, Advertiser: sandbox.DefaultAdvertiser})
	}
	s.relay = newRelay(t, name, syncs, options{tiktok: config, env: []string{"WORK_FOLDER=" + t.TempDir()}})
	for sync, topic := range map[string]string{"paid": envelope + ".orders", "paid-lean": envelope + ".orders_lean", "paid-flat": flat + ".orders",
		"happened": envelope + ".order_events", "happened-flat": flat + ".order_events", "newsletter": envelope + ".customers",
		"subscribers": envelope + ".subscribers", "newsletter-flat": flat + ".customers", "subscribers-flat": flat + ".subscribers",
		"types": envelope + ".order_events", "types-flat": flat + ".order_events"} {
		s.topics[sync] = []string{topic}
	}
	t.Cleanup(func() { s.disconnect(t) })
	s.connect(t, "envelope.json", name)
	s.connect(t, "flat.json", name+"_flat")
	return s
}

// apply runs files that may name the ledger's schema.
func (s *shop) apply(files ...string) {
	s.t.Helper()
	for _, file := range files {
		if out, err := psql(s.t.Context(), s.schema, "-v", "truth="+s.truth, "-f", filepath.Join("sql", file)); err != nil {
			s.t.Fatalf("psql -f %s: %v\n%s", file, err, out)
		}
	}
}

func (s *shop) ask(query string) []string {
	s.t.Helper()
	return s.rows(s.t, strings.ReplaceAll(query, "@truth@", s.truth))
}

func TestTikTokHoldsWhatSQLSays(t *testing.T) {
	s := newShop(t)
	s.start()
	s.apply("story-4-types.sql", "story-5-changes.sql")
	s.types()
	s.apply("story-6-new-columns.sql", "story-7-snapshot.sql")
	s.readAgain()
	s.apply("story-8-truncate.sql")
	s.written(t)
	s.caughtUp()
	s.eventsAreRight()
	s.audiencesAreRight()
	s.rejectedRowsAreExplained()
	s.filesAreRight()
	s.noneFailed()
}

// readAgain waits until both connectors have told in their topics of notifications that the incremental snapshot is over.
func (s *shop) readAgain() {
	s.t.Helper()
	for _, name := range s.connectors {
		until(s.t, "the incremental snapshot of "+name+" is over", func() bool {
			return slices.ContainsFunc(s.records(name+".notifications"), func(r *kgo.Record) bool {
				return bytes.Contains(r.Value, []byte("Incremental Snapshot")) && bytes.Contains(r.Value, []byte("\x12COMPLETED"))
			})
		})
	}
}

func (s *shop) eventsAreRight() {
	s.t.Helper()
	for pixel, query := range map[string]string{
		"PIXELPAID00000000001": `SELECT DISTINCT order_uid FROM @truth@.paid WHERE shop_table = 'orders' AND fault IS NULL`,
		"PIXELPAIDFLAT0000001": `SELECT DISTINCT order_uid FROM @truth@.paid WHERE shop_table = 'orders' AND fault IS NULL`,
		"PIXELPAIDLEAN0000001": `SELECT DISTINCT order_uid FROM @truth@.paid WHERE shop_table = 'orders_lean' AND fault IS NULL`,
		"PIXELHAPPENED0000001": `SELECT event_id FROM @truth@.happened WHERE fault IS NULL`,
		"PIXELHAPPENEDFLAT001": `SELECT event_id FROM @truth@.happened WHERE fault IS NULL`,
	} {
		same(s.t, "events of "+pixel, s.events(pixel), s.ask(query))
	}
}

func (s *shop) audiencesAreRight() {
	s.t.Helper()
	digest := `SELECT encode(sha256(convert_to(lower(trim(%s)), 'UTF8')), 'hex') FROM %s WHERE opted_in AND fault IS NULL AND %[1]s IS NOT NULL`
	for audience, table := range map[string]string{"Newsletter": "customers", "Newsletter flat": "customers",
		"Subscribers": "subscribers", "Subscribers flat": "subscribers"} {
		same(s.t, audience+" by e-mail", s.members(audience, "EMAIL_SHA256"), s.ask(fmt.Sprintf(digest, "email::text", table)))
		same(s.t, audience+" by phone", s.members(audience, "PHONE_SHA256"), s.ask(fmt.Sprintf(digest, "phone", table)))
	}
}

// filesAreRight uploads the audiences that are replaced as a whole, as an operator does.
func (s *shop) filesAreRight() {
	s.t.Helper()
	lapsed := `SELECT encode(sha256(convert_to(lower(trim(email::text)), 'UTF8')), 'hex') FROM %s WHERE lapsed AND fault IS NULL AND email IS NOT NULL`
	for audience, from := range map[string]struct{ sync, table string }{"Lapsed": {"lapsed", "customers"}, "Lapsed flat": {"lapsed-flat", "subscribers"}} {
		s.run("audience", "upload", "--sync", from.sync)
		same(s.t, audience, s.members(audience, "EMAIL_SHA256"), s.ask(fmt.Sprintf(lapsed, from.table)))
	}
}

func (s *shop) rejectedRowsAreExplained() {
	s.t.Helper()
	paid := `SELECT DISTINCT id || ' ' || fault FROM @truth@.paid WHERE shop_table = '%s' AND fault IS NOT NULL`
	wrong := `SELECT DISTINCT id || ' ' || fault FROM @truth@.wrong WHERE shop_table = '%s'`
	happened := `SELECT id || ' ' || fault FROM @truth@.happened WHERE fault IS NOT NULL`
	for sync, query := range map[string]string{
		"paid": fmt.Sprintf(paid, "orders"), "paid-flat": fmt.Sprintf(paid, "orders"), "paid-lean": fmt.Sprintf(paid, "orders_lean"),
		"happened": happened, "happened-flat": happened,
		"newsletter": fmt.Sprintf(wrong, "customers"), "newsletter-flat": fmt.Sprintf(wrong, "customers"),
		"subscribers": fmt.Sprintf(wrong, "subscribers"), "subscribers-flat": fmt.Sprintf(wrong, "subscribers"),
	} {
		same(s.t, "rejected rows of "+sync, s.rejected(sync), s.ask(query))
	}
	same(s.t, "rejected rows of types", s.rejected("types"), nil)
	same(s.t, "rejected rows of types-flat", s.rejected("types-flat"), nil)
}

// types compares the values of every type, as they were sent, with SQL's.
func (s *shop) types() {
	s.t.Helper()
	s.written(s.t)
	s.caughtUp()
	out, err := psql(s.t.Context(), s.schema, "-f", "sql/types-as-sent.sql")
	if err != nil {
		s.t.Fatalf("psql: %v\n%s", err, out)
	}
	want := map[string]map[string]any{}
	for line := range strings.Lines(out) {
		row := s.object(line)
		want[row["row"].(string)] = row
	}
	if len(want) != 4 {
		s.t.Fatalf("%d rows of every type, want 4", len(want))
	}
	for _, pixel := range []string{"PIXELTYPES0000000001", "PIXELTYPESFLAT000001"} {
		seen := 0
		for _, e := range s.tiktok.Events() {
			if e.Source == pixel {
				seen++
				got, _ := s.object(string(e.Body))["properties"].(map[string]any)
				id, _ := got["row"].(string)
				s.compare(pixel, got, want[id])
			}
		}
		if seen != len(want) {
			s.t.Errorf("%s: %d events of rows of every type, want %d", pixel, seen, len(want))
		}
	}
}

func (s *shop) compare(pixel string, got, want map[string]any) {
	s.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !reflect.DeepEqual(plain(got[name]), plain(want[name])) {
			s.t.Errorf("%s: %s is %v, want %v as SQL says", pixel, name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			s.t.Errorf("%s: %s is %v, and SQL knows nothing of it", pixel, name, got[name])
		}
	}
}

func (s *shop) object(text string) (m map[string]any) {
	s.t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	return m
}

// plain makes numbers that are equal look equal, at full precision.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return v
		}
		return r.RatString()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return v
}
