//go:build e2e

package story

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// same compares two sets of texts and shows some of what differs. A nil want means that there have to be none.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	nothing := want == nil
	if got, want = set(got), set(want); len(want) == 0 && !nothing {
		t.Errorf("%s: SQL knows of none: the test looks at nothing", what)
	}
	if slices.Equal(got, want) {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(s string) bool { _, ok := slices.BinarySearch(got, s); return ok })
	surplus := slices.DeleteFunc(slices.Clone(got), func(s string) bool { _, ok := slices.BinarySearch(want, s); return ok })
	t.Errorf("%s: got %d, want %d as SQL says; %d missing: %s; %d too many: %s", what, len(got), len(want),
		len(missing), some(missing), len(surplus), some(surplus))
}

func set(list []string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

func some(list []string) string {
	return strings.Join(list[:min(len(list), 5)], ", ")
}

// events are the ids of the events TikTok counts for a pixel.
func (r *relay) events(pixel string) (ids []string) {
	for _, e := range r.tiktok.Events() {
		if e.Source == pixel {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// members are the digests an audience holds.
func (r *relay) members(audience, kind string) []string {
	r.t.Helper()
	for _, a := range r.tiktok.Audiences() {
		if a.Name == audience {
			return r.tiktok.Members(a.ID)[kind]
		}
	}
	r.t.Errorf("TikTok has no audience %q", audience)
	return nil
}

// rejected are a sync's dead letters as "id reason", where id is the row's bigint key.
func (r *relay) rejected(sync string) (rows []string) {
	r.t.Helper()
	for _, letter := range r.records(r.name + ".rejected") {
		if header(letter, "tokrelay.dlq.sync") == sync {
			rows = append(rows, fmt.Sprintf("%d %s", rowID(r.t, letter), header(letter, "tokrelay.dlq.reason")))
		}
	}
	return rows
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// rowID reads a key {id: long} in the framing of registries: a zero byte, four bytes of schema id, Avro.
func rowID(t *testing.T, r *kgo.Record) int64 {
	t.Helper()
	if len(r.Key) < 6 || r.Key[0] != 0 {
		t.Fatalf("dead letter %s/%d/%d has a key of another kind", r.Topic, r.Partition, r.Offset)
	}
	id, n := binary.Varint(r.Key[5:])
	if n != len(r.Key)-5 {
		t.Fatalf("dead letter %s/%d/%d has a key that is no single number", r.Topic, r.Partition, r.Offset)
	}
	return id
}

// noneFailed checks that no batch was given up as a whole.
func (r *relay) noneFailed() {
	r.t.Helper()
	if failed := r.records(r.name + ".failed"); len(failed) > 0 {
		r.t.Errorf("%d batches were given up", len(failed))
	}
}
