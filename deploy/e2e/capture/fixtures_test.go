package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var addresses = regexp.MustCompile(`(?i)[a-z0-9.]+@[a-z0-9-]+\.(com|org|net)`)

const fixtures = "../../../pipeline/cdc/testdata/debezium"

func TestFixturesAnswerForEverySchemaIdTheirRecordsName(t *testing.T) {
	for _, folder := range fixtureFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			found := readSchemas(t, folder)
			for _, line := range readLines(t, folder) {
				for _, id := range idsOf(framingOf(folder), parseRecord(t, line)) {
					known := found.ContentIDs
					if id.global {
						known = found.GlobalIDs
					}
					if _, ok := known[strconv.FormatUint(id.number, 10)]; !ok {
						t.Errorf("got no answer for schema %+v, want one; record %.120s", id, line)
					}
				}
			}
		})
	}
}

func TestFixturesAreSmallAndTheirPeopleInvented(t *testing.T) {
	total := 0
	for _, folder := range fixtureFolders(t) {
		for _, line := range readLines(t, folder) {
			total += len(line)
			record := parseRecord(t, line)
			if record.Value == nil {
				continue
			}
			for _, address := range addresses.FindAllString(string(*record.Value), -1) {
				if !strings.HasSuffix(strings.ToLower(address), "@example.com") {
					t.Errorf("got an address outside of example.com, want invented people only; record %.120s", line)
				}
			}
		}
		text, err := os.ReadFile(filepath.Join(folder, "schemas.json"))
		if err != nil {
			t.Fatal(err)
		}
		total += len(text)
	}
	if limit := 1_500_000; total > limit {
		t.Errorf("got %d bytes of fixtures, want at most %d", total, limit)
	}
}

func fixtureFolders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(fixtures, "*", "records.ndjson"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("got no fixtures (%v), want some", err)
	}
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

func framingOf(folder string) string {
	switch filepath.Base(folder) {
	case "eight-bytes":
		return "eight"
	case "headers", "headers-global":
		return "headers"
	case "json":
		return "none"
	}
	return "confluent"
}

func parseRecord(t *testing.T, line string) record {
	t.Helper()
	var raw struct {
		Key     *[]byte      `json:"key_b64"`
		Value   *[]byte      `json:"value_b64"`
		Headers [][2]*string `json:"headers"`
	}
	if err := json.Unmarshal([]byte(line), &raw); err != nil {
		t.Fatal(err)
	}
	out := record{Key: raw.Key, Value: raw.Value}
	for _, pair := range raw.Headers {
		out.Headers = append(out.Headers, header{name: *pair[0], value: fromBase64(t, pair[1])})
	}
	return out
}

func fromBase64(t *testing.T, text *string) []byte {
	t.Helper()
	if text == nil {
		return nil
	}
	value, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
