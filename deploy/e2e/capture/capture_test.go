package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestASetHoldsTheRecordsAndEverySchemaTheyNameOrReferTo(t *testing.T) {
	broker := brokerWith(t,
		&kgo.Record{Topic: "shop.a", Key: []byte("\x00\x00\x00\x00\x01k"), Value: []byte("\x00\x00\x00\x00\x02v"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "none"}}},
		&kgo.Record{Topic: "shop.a", Key: []byte("\x00\x00\x00\x00\x01k")},
		&kgo.Record{Topic: "other", Value: []byte("not asked for")},
	)
	registry := registryWith(t, map[string]string{
		"/apis/ccompat/v7/schemas/ids/1":             `{"schema":"key"}`,
		"/apis/ccompat/v7/schemas/ids/2":             `{"schema":"value","references":[{"name":"N","subject":"a/N","version":3}]}`,
		"/apis/ccompat/v7/subjects/a%2FN/versions/3": `{"schema":"row","references":[{"name":"M","subject":"M","version":1}]}`,
		"/apis/ccompat/v7/subjects/M/versions/1":     `{"schema":"inner"}`,
	})
	out := t.TempDir()

	if err := run(t.Context(), []string{"-broker", broker, "-registry", registry, "-topics", `shop\..*`, "-out", out}); err != nil {
		t.Fatal(err)
	}

	lines := readLines(t, out)
	want := `{"topic":"shop.a","partition":0,"offset":0,"timestamp":0,"key_b64":"AAAAAAFr","value_b64":"AAAAAAJ2","headers":[["h","MQ=="],["none",null]]}`
	if len(lines) != 2 || withoutTime(t, lines[0]) != want {
		t.Errorf("got %d lines, first %s, want 2 lines, first %s", len(lines), withoutTime(t, lines[0]), want)
	}
	if !strings.Contains(lines[1], `"value_b64":null`) {
		t.Errorf("got %s, want a null value for a tombstone", lines[1])
	}
	found := readSchemas(t, out)
	if got, want := keys(found.ContentIDs), []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("got content ids %v, want %v", got, want)
	}
	if got, want := keys(found.Subjects), []string{"M", "a/N"}; !slices.Equal(got, want) {
		t.Errorf("got subjects %v, want %v", got, want)
	}
}

func TestASchemaTheRegistryRefusesByIdIsReadByItsSubject(t *testing.T) {
	broker := brokerWith(t, &kgo.Record{Topic: "shop-eu.a", Value: []byte("\x00\x00\x00\x00\x07v")})
	registry := registryWith(t, map[string]string{
		"/apis/ccompat/v7/schemas/ids/7":                       refused,
		"/apis/ccompat/v7/schemas/ids/7/versions":              `[{"subject":"shop-eu.a-value","version":2}]`,
		"/apis/ccompat/v7/subjects/shop-eu.a-value/versions/2": `{"schema":"value"}`,
	})
	out := t.TempDir()

	if err := run(t.Context(), []string{"-broker", broker, "-registry", registry, "-topics", ".*", "-out", out}); err != nil {
		t.Fatal(err)
	}

	found := readSchemas(t, out)
	if found.Refused["7"].Status != http.StatusBadRequest || !strings.Contains(string(found.ContentIDs["7"]), `"value"`) {
		t.Errorf("got refused %+v and %s, want status 400 and the schema", found.Refused["7"], found.ContentIDs["7"])
	}
}

func TestSchemaIdsAreFoundWhereTheFramingPutsThem(t *testing.T) {
	payload := func(s string) *[]byte { b := []byte(s); return &b }
	for _, c := range []struct {
		name, framing string
		record        record
		want          []schemaID
	}{
		{"four bytes", "confluent", record{Key: payload("\x00\x00\x00\x00\x01"), Value: payload("\x00\x00\x00\x01\x00rest")}, []schemaID{{number: 1}, {number: 256}}},
		{"eight bytes", "eight", record{Value: payload("\x00\x00\x00\x00\x00\x00\x00\x00\x05rest")}, []schemaID{{global: true, number: 5}}},
		{"headers", "headers", record{Headers: []header{
			{"apicurio.key.contentId", []byte("\x00\x00\x00\x00\x00\x00\x00\x03")},
			{"apicurio.value.globalId", []byte("\x00\x00\x00\x00\x00\x00\x00\x04")},
		}}, []schemaID{{number: 3}, {global: true, number: 4}}},
		{"tombstone", "confluent", record{}, nil},
		{"no prefix", "confluent", record{Value: payload(`{"a":1}`)}, nil},
		{"no registry", "none", record{Value: payload("\x00\x00\x00\x00\x01")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := idsOf(c.framing, c.record); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func brokerWith(t *testing.T, records ...*kgo.Record) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return cluster.ListenAddrs()[0]
}

const refused = "400"

func registryWith(t *testing.T, answers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.EscapedPath()]
		switch {
		case !known:
			http.NotFound(w, r)
		case answer == refused:
			http.Error(w, `{"error_code":0}`, http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func readLines(t *testing.T, folder string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "records.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func readSchemas(t *testing.T, folder string) schemas {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "schemas.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found schemas
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// withoutTime sets the record's time, which differs on every run, to zero.
func withoutTime(t *testing.T, line string) string {
	t.Helper()
	before, rest, ok := strings.Cut(line, `"timestamp":`)
	if !ok {
		t.Fatalf("no timestamp in %s", line)
	}
	_, after, _ := strings.Cut(rest, ",")
	return before + `"timestamp":0,` + after
}

func keys[V any](m map[string]V) []string {
	var out []string
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
