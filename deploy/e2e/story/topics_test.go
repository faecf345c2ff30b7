//go:build e2e

package story

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// eager makes a topic's segments roll and its cleaner work at once.
var eager = map[string]string{"segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100", "file.delete.delay.ms": "100"}

func (f *flow) alter(topic string, with map[string]string) {
	f.t.Helper()
	var changes []kadm.AlterConfig
	for key, value := range with {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
	}
	done, err := f.broker.AlterTopicConfigs(f.t.Context(), changes, topic)
	if err == nil {
		_, err = done.On(topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestALogCompactedBeforeItIsReadGivesTheSameAudience(t *testing.T) {
	f := newFlow(t, "compacted", options{})
	people := f.topics["people"][0]
	f.alter(people, eager)
	f.alter(people, map[string]string{"cleanup.policy": "compact"})
	f.day()
	f.source.written(t)
	before := len(f.records(people))
	f.day()
	f.source.written(t)
	until(t, "the broker has compacted the log", func() bool {
		f.source.exec(t, "INSERT INTO people VALUES (1000000, 'roll@example.com', true) ON CONFLICT (id) DO UPDATE SET opted_in = NOT people.opted_in")
		return len(f.records(people)) < before
	})
	f.start()
	f.laws()
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
	p.signal(os.Interrupt)

	f.day() // part 2 will be gone
	f.source.written(t)
	f.alter(events, eager)
	f.alter(events, map[string]string{"retention.ms": "1000"})
	until(t, "retention has thrown the day away", func() bool {
		f.source.exec(t, "INSERT INTO events (part, event_name, email, currency, fault) VALUES (2, 'Purchase', 'x@example.com', 'XXQ', 'roll')")
		return len(f.records(events)) < 1000
	})
	f.alter(events, map[string]string{"retention.ms": "-1"})
	f.source.written(t)
	f.day()
	f.source.written(t)

	f.policy("fail")
	p = f.start()
	f.waitsFor("offset")
	if got := f.events(pixel); len(got) != f.count("part = 1 AND fault IS NULL") {
		t.Errorf("TikTok got %d events although the policy is to stop", len(got))
	}
	p.signal(os.Interrupt)

	f.policy("earliest")
	f.start()
	f.caughtUp()
	kept := f.source.rows(t, "SELECT event_id FROM events WHERE part <> 2 AND fault IS NULL")
	got := f.events(pixel)
	same(t, "events of the days Kafka kept whole", got, append(kept, f.stillThere(events, got)...))
	f.noneFailed()
}

// stillThere are the ids among got that belong to the overtaken day, of which retention may have kept the last segment.
func (f *flow) stillThere(_ string, got []string) (ids []string) {
	lost := strings.Join(f.source.rows(f.t, "SELECT event_id FROM events WHERE part = 2 AND fault IS NULL"), " ")
	for _, id := range got {
		if strings.Contains(lost, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (f *flow) count(where string) int {
	return len(f.source.rows(f.t, "SELECT id FROM events WHERE "+where))
}

// policy writes out_of_range into the configuration.
func (f *flow) policy(word string) {
	f.t.Helper()
	text, err := os.ReadFile(f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "    topic: ") {
			line, _, _ = strings.Cut(line, " #")
			lines[i] = line + " #"
		}
	}
	marked := strings.Join(lines, "\n")
	for _, old := range []string{"fail", "earliest"} {
		marked = strings.ReplaceAll(marked, "    out_of_range: "+old+"\n", "")
	}
	marked = strings.ReplaceAll(marked, " #\n", fmt.Sprintf("\n    out_of_range: %s\n", word))
	if err := os.WriteFile(f.config, []byte(marked), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func TestADeadLetterTooLargeForItsTopicLosesItsValueNotItsStory(t *testing.T) {
	f := newFlow(t, "large", options{})
	small := "4000"
	if _, err := f.broker.CreateTopic(t.Context(), 3, -1, map[string]*string{"max.message.bytes": &small}, f.name+".rejected"); err != nil {
		t.Fatal(err)
	}
	f.source.exec(t, `INSERT INTO events (part, event_name, email, currency, notes, fault)
		SELECT 0, 'Purchase', 'large@example.com', 'XXQ', repeat(md5(n::text), 3000), 'invalid_currency' FROM generate_series(1, 5) n`)
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
