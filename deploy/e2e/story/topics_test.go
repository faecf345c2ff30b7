//go:build e2e

package story

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// eager makes a topic's segments roll and its cleaner work at once.
var eager = map[string]string{"segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100", "file.delete.delay.ms": "100"}

func (f *flow) alter(topic string, with map[string]string) {
	f.t.Helper()
	alter(f.t, f.broker, topic, with)
}

func alter(t *testing.T, broker *kadm.Client, topic string, with map[string]string) {
	t.Helper()
	var changes []kadm.AlterConfig
	for key, value := range with {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
	}
	done, err := broker.AlterTopicConfigs(t.Context(), changes, topic)
	if err == nil {
		_, err = done.On(topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

const fileSync = `
  - name: everybody
    topic: %[1]s.%[1]s.people
    audience_file:
      audience: {name: Everybody}
      identifier: {EMAIL_SHA256: email}
      member_when: opted_in
      work_folder: ${WORK_FOLDER}
`

func TestALogCompactedBeforeItIsReadGivesTheSameAudiences(t *testing.T) {
	f := newFlow(t, "compacted", options{syncs: fileSync, env: []string{"WORK_FOLDER=" + t.TempDir()}})
	f.source.exec(t, "INSERT INTO people SELECT n, 'bulk' || n || '@example.com', true FROM generate_series(500000, 501500) n")
	people := f.topics["people"][0]
	f.day()
	f.source.written(t)
	f.alter(people, eager)
	f.alter(people, map[string]string{"cleanup.policy": "compact"})
	f.day()
	f.source.written(t)
	before := len(f.records(people))
	until(t, "the broker has compacted the log", func() bool {
		f.source.exec(t, "INSERT INTO people VALUES (1000000, 'roll@example.com', true) ON CONFLICT (id) DO UPDATE SET opted_in = NOT people.opted_in")
		return len(f.records(people)) < before-100
	})
	f.start()
	f.laws()
	f.run("audience", "upload", "--sync", "everybody")
	same(t, "lines of the file", f.members("Everybody", "EMAIL_SHA256"), f.source.rows(t, sqlMembers))
}

// What Kafka has thrown away before it was read cannot be sent. The sync says so or goes on with what there is, as its
// policy wants.
func TestRetentionThatOvertakesAStoppedSync(t *testing.T) {
	f := newFlow(t, "overtaken", options{})
	events := f.topics["events"][0]
	p := f.start()
	f.day()
	f.source.written(t)
	f.caughtUp()
	p.Stop(os.Interrupt)

	f.day() // will be gone
	f.source.written(t)
	gone := f.ends(events)
	f.alter(events, map[string]string{"retention.ms": "1000"})
	until(t, "retention has thrown the day away", func() bool {
		starts, err := f.broker.ListStartOffsets(t.Context(), events)
		return err == nil && !slices.ContainsFunc(gone, func(end kadm.ListedOffset) bool {
			return starts[events][end.Partition].Offset < end.Offset
		})
	})
	f.alter(events, map[string]string{"retention.ms": "-1"})
	f.day()
	f.source.written(t)

	f.env = []string{"OUT_OF_RANGE=fail"}
	p = f.start()
	f.waitsFor("offset")
	same(t, "events while the policy is to stop", f.events(pixel), f.source.rows(t, "SELECT event_id FROM events WHERE part = 1 AND fault IS NULL"))
	p.Stop(os.Interrupt)

	f.env = []string{"OUT_OF_RANGE=earliest"}
	f.start()
	f.caughtUp()
	same(t, "events of the days Kafka kept", f.events(pixel), f.source.rows(t, "SELECT event_id FROM events WHERE part <> 2 AND fault IS NULL"))
	same(t, "rejected events", f.rejected("events"), f.source.rows(t, "SELECT id || ' ' || fault FROM events WHERE part <> 2 AND fault IS NOT NULL"))
	f.noneFailed()
}

func (f *flow) ends(topic string) (list []kadm.ListedOffset) {
	f.t.Helper()
	ends, err := f.broker.ListEndOffsets(f.t.Context(), topic)
	if err != nil || ends.Error() != nil {
		f.t.Fatal(err, ends.Error())
	}
	return slices.Collect(maps.Values(ends[topic]))
}

func TestADeadLetterTooLargeForItsTopicLosesItsValueNotItsStory(t *testing.T) {
	f := newFlow(t, "large", options{})
	small := "4000"
	if _, err := f.broker.CreateTopic(t.Context(), 3, -1, map[string]*string{"max.message.bytes": &small}, f.name+".rejected"); err != nil {
		t.Fatal(err)
	}
	f.source.exec(t, `INSERT INTO events (part, event_name, email, currency, notes, fault)
		SELECT 0, 'Purchase', 'large@example.com', 'XXQ', (SELECT string_agg(md5(random()::text || g), '') FROM generate_series(1, 2000) g), 'invalid_currency' FROM generate_series(1, 5) n`)
	f.start()
	f.day()
	f.laws()
	omitted := 0
	for _, letter := range f.records(f.name + ".rejected") {
		if header(letter, "tokrelay.dlq.value_omitted") == "too_large" {
			omitted++
		}
	}
	if omitted != 5 {
		t.Errorf("%d dead letters came without their value because it was too large, want 5", omitted)
	}
}
