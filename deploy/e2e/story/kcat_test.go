//go:build e2e

package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// seen is a record as kcat prints it.
type seen struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Headers   []string `json:"headers"` // names and values in turn
	Payload   string   `json:"payload"`
}

// kcat reads a topic whole with the other client library, librdkafka.
func kcat(t *testing.T, topic string) (records []seen) {
	t.Helper()
	out, err := exec.Command("kcat", "-b", os.Getenv("E2E_KAFKA"), "-C", "-t", topic, "-e", "-q", "-J").Output()
	if err != nil {
		t.Fatalf("kcat -t %s: %v", topic, err)
	}
	for line := range bytes.Lines(out) {
		var r seen
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("kcat -t %s printed no JSON: %v", topic, err)
		}
		records = append(records, r)
	}
	return records
}

func (r seen) header(name string) string {
	for i := 0; i+1 < len(r.Headers); i += 2 {
		if r.Headers[i] == name {
			return r.Headers[i+1]
		}
	}
	return ""
}

func TestAnotherClientReadsWhatWeWriteAndAgrees(t *testing.T) {
	f := newFlow(t, "kcat", options{})
	f.day()
	p := f.start()
	f.day()
	f.laws()
	p.Stop(os.Interrupt) // so that every call is in its topic
	same(t, "events of the calls as kcat sees them", f.called(), f.events(pixel))
	var theirs, ours []string
	for _, r := range kcat(t, f.name+".rejected") {
		source := strings.Join([]string{r.header("__connect.errors.topic"), r.header("__connect.errors.partition"), r.header("__connect.errors.offset")}, "/")
		theirs = append(theirs, fmt.Sprintf("%s/%d/%d %s %s %s", r.Topic, r.Partition, r.Offset, source, r.header("tokrelay.dlq.sync"), r.header("tokrelay.dlq.reason")))
	}
	for line := range strings.Lines(f.run("dlq", "show", "--json", "--limit", "100000")) {
		ours = append(ours, shown(t, line))
	}
	same(t, "dead letters as dlq show tells them", ours, theirs)
	for _, topic := range slices.Concat([]string{f.name + ".state"}, f.owned("members"), f.owned("claims")) {
		same(t, "records of "+topic+" as kcat sees them", sizes(t, topic), ourSizes(f.records(topic, kgo.FetchIsolationLevel(kgo.ReadCommitted()))))
	}
}

// called are the ids of events in calls that TikTok accepted, as kcat reads the topic of calls.
func (f *flow) called() (ids []string) {
	f.t.Helper()
	for _, r := range kcat(f.t, f.name+".calls") {
		var call struct {
			Sync, Outcome string
			Rows          []struct {
				EventID string `json:"event_id"`
			}
		}
		if err := json.Unmarshal([]byte(r.Payload), &call); err != nil {
			f.t.Fatalf("call %d/%d is not JSON: %v", r.Partition, r.Offset, err)
		}
		if strings.Contains(r.Payload, "@example.com") {
			f.t.Errorf("call %d/%d holds a clear address", r.Partition, r.Offset)
		}
		for _, row := range call.Rows {
			if call.Sync == "events" && call.Outcome == pipeline.Accepted.String() {
				ids = append(ids, row.EventID)
			}
		}
	}
	return ids
}

func shown(t *testing.T, line string) string {
	t.Helper()
	var letter struct{ Letter, Source, Sync, Reason string }
	if err := json.Unmarshal([]byte(line), &letter); err != nil {
		t.Fatalf("dlq show --json printed no JSON: %v", err)
	}
	return strings.Join([]string{letter.Letter, letter.Source, letter.Sync, letter.Reason}, " ")
}

// sizes are the places of a topic's records and the lengths of their keys and values; -1 is a value that is null.
func sizes(t *testing.T, topic string) []string {
	t.Helper()
	out, err := exec.Command("kcat", "-b", os.Getenv("E2E_KAFKA"), "-C", "-t", topic, "-e", "-q", "-f", "%t/%p/%o %K %S\\n").Output()
	if err != nil {
		t.Fatalf("kcat -t %s: %v", topic, err)
	}
	return strings.Split(string(out), "\n")
}

func ourSizes(records []*kgo.Record) (lines []string) {
	for _, r := range records {
		if r.Attrs.IsControl() {
			continue
		}
		size := len(r.Value)
		if r.Value == nil {
			size = -1
		}
		lines = append(lines, fmt.Sprintf("%s/%d/%d %d %d", r.Topic, r.Partition, r.Offset, len(r.Key), size))
	}
	return lines
}
