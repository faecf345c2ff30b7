package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// kept is a record of our topics in testdata/form1.json, as the first version wrote it.
type kept struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Value   string            `json:"value"`
	Headers []pipeline.Header `json:"headers"`
}

func (k *kept) record() *pipeline.Record {
	return &pipeline.Record{Topic: k.Topic, Partition: 1, Offset: 7, Key: []byte(k.Key), Value: []byte(k.Value), Headers: k.Headers}
}

// withVersion is the record with another form.
func (k *kept) withVersion(form string) *pipeline.Record {
	r := k.record()
	r.Headers = append([]pipeline.Header{}, r.Headers...)
	for i := range r.Headers {
		if r.Headers[i].Key == hVersion {
			r.Headers[i].Value = []byte(form)
		}
	}
	return r
}

func firstForms(t *testing.T) (letter, batch kept) {
	t.Helper()
	text, err := os.ReadFile("testdata/form1.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []kept
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 {
		t.Fatalf("got %d records, %v", len(all), err)
	}
	return all[0], all[1]
}

func TestWhatTheFirstVersionWroteIsRead(t *testing.T) {
	letter, batch := firstForms(t)
	d, err := Parse(letter.record())
	if err != nil {
		t.Fatal(err)
	}
	if d.Sync != "purchases" || d.Rejection.Reason != pipeline.InvalidEmail || d.Record.Topic != "orders" || d.Record.Offset != 41 || d.Failed.IsZero() || string(d.Record.Value) != letter.Value {
		t.Errorf("got %+v", d)
	}
	b, err := ParseBatch(batch.record())
	if err != nil {
		t.Fatal(err)
	}
	if b.Sync != "purchases" || b.ID != "b1" || len(b.Rows) != 1 || b.Rows[0].Offset != 41 || b.Answer.Code != 51000 {
		t.Errorf("got %+v", b)
	}
}

func TestWhatALaterVersionWroteIsRefusedAndNotPassedOver(t *testing.T) {
	letter, batch := firstForms(t)
	check := func(what string, err error) {
		t.Helper()
		later, ok := errors.AsType[*LaterForm](err)
		if !ok || later.Form != "2" || !strings.Contains(err.Error(), "1/7") || !strings.Contains(err.Error(), "run the version that wrote it") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	_, err := Parse(letter.withVersion("2"))
	check("a letter", err)
	_, err = ParseBatch(batch.withVersion("2"))
	check("a batch", err)
	given := func(r *pipeline.Record) Source {
		return Source{Scan: func(_ context.Context, _ Span, each func(*pipeline.Record) error) error { return each(r) }}
	}
	span := Span{Topic: rejected, From: map[int32]int64{1: 7}, To: map[int32]int64{1: 8}}
	never := func(*pipeline.Record, *Head) error { t.Error("it is passed on"); return nil }
	check("a scan of letters", Rows(t.Context(), given(letter.withVersion("2")), span, &Filter{}, nil, never))
	check("a scan of batches", Batches(t.Context(), given(batch.withVersion("2")), span, &Filter{}, func(*DeadBatch) error { t.Error("it is passed on"); return nil }))
	if err := Rows(t.Context(), given(&pipeline.Record{Topic: rejected}), span, &Filter{}, nil, never); err != nil {
		t.Errorf("a record of another program: got %v", err)
	}
}
