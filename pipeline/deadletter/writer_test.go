package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// broker takes records, or answers what fail says.
type broker struct {
	mu      sync.Mutex
	records []pipeline.Record
	tries   int
	fail    func(try int, r *pipeline.Record) error
}

var errTooLarge = errors.New("too large")

func (b *broker) Produce(_ context.Context, records []pipeline.Record) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	errs := make([]error, len(records))
	for i := range records {
		if b.fail != nil {
			errs[i] = b.fail(b.tries, &records[i])
		}
		if errs[i] == nil {
			b.records = append(b.records, records[i])
		}
	}
	return errs
}

func newWriter(cfg Config, b *broker, status *pipeline.Status) *Writer {
	about := About{Sync: "purchases", Sink: "purchases", SinkKind: "events", Instance: "host-1", Version: "v1.2.3"}
	return NewWriter(settings.WithDefaults(cfg), about, Deps{
		Producer: b, Status: status,
		TooLarge:   func(err error) bool { return errors.Is(err, errTooLarge) },
		Partitions: func(string) int { return 6 },
	})
}

func letter() pipeline.Letter {
	return pipeline.Letter{
		Record: &pipeline.Record{
			Topic: "orders", Partition: 4, Offset: 123, Timestamp: time.Date(2026, 3, 1, 10, 0, 0, 5e6, time.UTC),
			Key: []byte("alice@example.com"), Value: []byte("\x00\x00\x00\x00\x2aAlice"),
			Headers: []pipeline.Header{{Key: "traceparent", Value: []byte("00-ab-cd-01")}, {Key: "nothing"}},
		},
		SchemaID: "42",
		Rejection: &pipeline.Rejection{
			Stage: pipeline.StageValidate, Reason: pipeline.InvalidCurrency, Field: "properties.currency",
			Rule: "one of the listed currency codes", EventID: "ev1",
		},
	}
}

// lines prints headers, one a line, in order.
func lines(r pipeline.Record) []string {
	var list []string
	for _, h := range r.Headers {
		list = append(list, h.Key+": "+string(h.Value))
	}
	return list
}

func TestARejectedRowIsKeptAsItCameWithHeadersThatExplainIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := &broker{}, letter()
		if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
			t.Fatalf("Rows: %v", err)
		}
		got := b.records[0]
		if got.Topic != "tokrelay.rejected" || got.Partition != 4 || string(got.Key) != string(l.Record.Key) || string(got.Value) != string(l.Record.Value) || !got.Timestamp.Equal(time.Now()) {
			t.Errorf("record: got %s/%d at %v, want tokrelay.rejected/4 now, key and value as they came", got.Topic, got.Partition, got.Timestamp)
		}
		message := "the currency is not in TikTok's list: properties.currency: one of the listed currency codes"
		want := []string{
			"traceparent: 00-ab-cd-01", "nothing: ",
			"__connect.errors.topic: orders", "__connect.errors.partition: 4", "__connect.errors.offset: 123",
			"__connect.errors.connector.name: purchases", "__connect.errors.task.id: host-1",
			"__connect.errors.stage: TRANSFORMATION", "__connect.errors.class.name: validate",
			"__connect.errors.exception.class.name: invalid_currency", "__connect.errors.exception.message: " + message,
			"tokrelay.dlq.version: 1", "tokrelay.dlq.class: invalid", "tokrelay.dlq.stage: validate",
			"tokrelay.dlq.reason: invalid_currency", "tokrelay.dlq.field: properties.currency",
			"tokrelay.dlq.rule: one of the listed currency codes", "tokrelay.dlq.message: " + message,
			"tokrelay.dlq.sync: purchases", "tokrelay.dlq.sink: purchases", "tokrelay.dlq.sink_kind: events",
			"tokrelay.dlq.event_id: ev1", "tokrelay.dlq.first_failed_at: 2000-01-01T00:00:00.000Z",
			"tokrelay.dlq.failed_at: 2000-01-01T00:00:00.000Z", "tokrelay.dlq.original_timestamp: 2026-03-01T10:00:00.005Z",
			"tokrelay.dlq.schema_id: 42", "tokrelay.dlq.replays: 0", "tokrelay.dlq.app_version: v1.2.3",
		}
		if got := lines(got); !slices.Equal(got, want) {
			t.Errorf("headers:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		if got.Headers[1].Value != nil {
			t.Error("a null header: got a value, want null")
		}
	})
}

func TestARowThatTikTokRefusedCarriesItsAnswer(t *testing.T) {
	b, l := &broker{}, letter()
	l.Rejection = &pipeline.Rejection{
		Stage: pipeline.StageSend, Reason: pipeline.RefusedByTikTok, Field: "properties.currency", HTTPStatus: 200, Code: 40002,
		APIMessage: "data.0.properties.currency:\nNot a valid currency.", RequestID: "r1", BatchID: "b7.0", BatchSize: 1000, Attempts: 5,
	}
	if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
		t.Fatalf("Rows: %v", err)
	}
	for _, want := range []string{
		"__connect.errors.stage: TASK_PUT", "tokrelay.dlq.class: rejected", "tokrelay.dlq.http_status: 200",
		"tokrelay.dlq.api_code: 40002", "tokrelay.dlq.api_message: data.0.properties.currency: Not a valid currency.",
		"tokrelay.dlq.api_request_id: r1", "tokrelay.dlq.batch_id: b7.0", "tokrelay.dlq.batch_size: 1000", "tokrelay.dlq.attempts: 5",
	} {
		if !slices.Contains(lines(b.records[0]), want) {
			t.Errorf("headers: no %q in %q", want, lines(b.records[0]))
		}
	}
}

func TestATombstoneStaysNull(t *testing.T) {
	b, l := &broker{}, letter()
	l.Record.Value, l.Record.Key = nil, []byte{}
	if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
		t.Fatalf("Rows: %v", err)
	}
	if b.records[0].Value != nil || b.records[0].Key == nil {
		t.Errorf("got value %v key %v, want null and empty", b.records[0].Value, b.records[0].Key)
	}
}

func TestTheKeysHashChoosesWhereTheTopicHasTooFewPartitions(t *testing.T) {
	b, l := &broker{}, letter()
	l.Record.Partition = 6
	if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
		t.Fatalf("Rows: %v", err)
	}
	if got := b.records[0].Partition; got != -1 {
		t.Errorf("partition: got %d, want -1", got)
	}
}

func TestASecondLetterReplacesTheHeadersOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{}
		w := newWriter(Config{}, b, nil)
		first := letter()
		if err := w.Rows(t.Context(), []pipeline.Letter{first}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		for i, record := range []func(pipeline.Record) *pipeline.Record{
			func(r pipeline.Record) *pipeline.Record { return &r }, // as it is in the rejected topic
			func(r pipeline.Record) *pipeline.Record { // as a replay hands it over
				d, err := Parse(&r)
				if err != nil {
					t.Fatal(err)
				}
				return &d.Record
			},
		} {
			l := letter()
			stored := b.records[0]
			stored.Offset = 9
			l.Record, l.Rejection = record(stored), pipeline.Reject(pipeline.StageMap, pipeline.MissingColumn, "column x", "")
			if err := w.Rows(t.Context(), []pipeline.Letter{l}); err != nil {
				t.Fatal(err)
			}
			got := b.records[i+1]
			for _, want := range []string{
				"__connect.errors.topic: orders", "__connect.errors.partition: 4", "__connect.errors.offset: 123", "tokrelay.dlq.replays: 1",
				"tokrelay.dlq.first_failed_at: 2000-01-01T00:00:00.000Z", "tokrelay.dlq.failed_at: 2000-01-01T01:00:00.000Z",
				"tokrelay.dlq.original_timestamp: 2026-03-01T10:00:00.005Z", "tokrelay.dlq.reason: missing_column",
			} {
				if !slices.Contains(lines(got), want) {
					t.Errorf("headers: no %q in %q", want, lines(got))
				}
			}
			seen := map[string]bool{}
			for _, h := range got.Headers {
				if seen[h.Key] {
					t.Errorf("header %s twice", h.Key)
				}
				seen[h.Key] = true
			}
			if got.Partition != 4 || got.Headers[0].Key != "traceparent" {
				t.Errorf("got partition %d, first header %s, want 4, traceparent", got.Partition, got.Headers[0].Key)
			}
		}
	})
}

func TestALetterIsReadBack(t *testing.T) {
	b, l := &broker{}, letter()
	l.Rejection = &pipeline.Rejection{
		Stage: pipeline.StageSend, Reason: pipeline.GaveUp, Field: "f", Rule: "r", EventID: "ev1", HTTPStatus: 502, Code: 50000,
		APIMessage: "m", RequestID: "r1", BatchID: "b7", BatchSize: 3, Attempts: 12,
	}
	if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
		t.Fatal(err)
	}
	stored := b.records[0]
	stored.Offset = 77
	d, err := Parse(&stored)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if d.Rejection != *l.Rejection {
		t.Errorf("rejection: got %+v, want %+v", d.Rejection, *l.Rejection)
	}
	if got, want := d.Record.Position(), l.Record.Position(); got != want || d.At.Offset != 77 || !d.Record.Timestamp.Equal(l.Record.Timestamp) {
		t.Errorf("position: got %s at %d, want %s at 77 with the row's time", got, d.At.Offset, want)
	}
	if d.Sync != "purchases" || d.SinkKind != "events" || d.SchemaID != "42" || d.Replays != 0 || d.AppVersion != "v1.2.3" || d.First.IsZero() || d.Message() == "" {
		t.Errorf("got %+v", d)
	}
	if got := fmt.Sprint(len(d.Headers())); got != "2" {
		t.Errorf("original headers: got %s, want 2", got)
	}
	if _, err := Parse(l.Record); err == nil {
		t.Error("Parse of a record that is no letter: got nil, want an error")
	}
}

func TestWithoutPayloadOnlyCoordinatesAreKept(t *testing.T) {
	b := &broker{}
	if err := newWriter(Config{Payload: "none"}, b, nil).Rows(t.Context(), []pipeline.Letter{letter()}); err != nil {
		t.Fatal(err)
	}
	got := b.records[0]
	if got.Key != nil || got.Value != nil || slices.ContainsFunc(got.Headers, func(h pipeline.Header) bool { return h.Key == "traceparent" }) {
		t.Errorf("got key %q value %q headers %q, want none of the row's", got.Key, got.Value, lines(got))
	}
	if !slices.Contains(lines(got), "tokrelay.dlq.value_omitted: payload_none") || !slices.Contains(lines(got), "__connect.errors.offset: 123") {
		t.Errorf("headers: got %q, want coordinates and why the value is missing", lines(got))
	}
}

func TestWhatIsTooLargeLosesItsValueAndInTheEndItsKey(t *testing.T) {
	for _, c := range []struct {
		name string
		most int
		key  bool
	}{{"value", 5000, true}, {"key and headers too", 1500, false}} {
		t.Run(c.name, func(t *testing.T) {
			b := &broker{fail: func(_ int, r *pipeline.Record) error {
				n := len(r.Key) + len(r.Value)
				for _, h := range r.Headers {
					n += len(h.Key) + len(h.Value)
				}
				if n > c.most {
					return errTooLarge
				}
				return nil
			}}
			large, small := letter(), letter()
			large.Record.Value = make([]byte, 9000)
			large.Record.Key = make([]byte, 2000)
			small.Record.Offset = 124
			if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{large, small}); err != nil {
				t.Fatal(err)
			}
			if len(b.records) != 2 {
				t.Fatalf("records: got %d, want 2", len(b.records))
			}
			got := b.records[1]
			if got.Value != nil || (got.Key != nil) != c.key || !slices.Contains(lines(got), "tokrelay.dlq.value_omitted: too_large") || !slices.Contains(lines(got), "__connect.errors.offset: 123") {
				t.Errorf("got %d bytes of value, %d of key, headers %q", len(got.Value), len(got.Key), lines(got))
			}
		})
	}
}

func TestHeadersStayWithinTheirBudget(t *testing.T) {
	l := letter()
	l.Rejection.APIMessage = strings.Repeat("ä ", 3000)
	l.Rejection.Detail = strings.Repeat("long ", 2000)
	l.Rejection.Field = strings.Repeat("f", 3000)
	b := &broker{}
	if err := newWriter(Config{}, b, nil).Rows(t.Context(), []pipeline.Letter{l}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, h := range b.records[0].Headers[2:] {
		n += len(h.Key) + len(h.Value)
		if strings.ToValidUTF8(string(h.Value), "") != string(h.Value) {
			t.Errorf("header %s is cut inside a character", h.Key)
		}
	}
	if n > 8<<10 {
		t.Errorf("headers: got %d bytes, want at most 8192", n)
	}
	if got, _ := b.records[0].Header("tokrelay.dlq.field"); len(got) != 3000 {
		t.Errorf("field: got %d bytes, want all of it: messages are cut first", len(got))
	}
}

func TestAWriterNeverGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := pipeline.NewStatus(time.Now)
		b := &broker{fail: func(try int, r *pipeline.Record) error {
			if try < 150 || try < 300 && string(r.Key) == "b" {
				return errors.New("broker is away")
			}
			return nil
		}}
		w := newWriter(Config{}, b, status)
		done := make(chan error, 1)
		go func() {
			letters := []pipeline.Letter{letter(), letter(), letter()}
			for i, key := range []string{"a", "b", "c"} {
				letters[i].Record.Key = []byte(key)
			}
			done <- w.Rows(context.Background(), letters)
		}()
		<-time.After(time.Hour)
		troubles := status.Troubles("purchases")
		if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleDeadLetter || time.Until(troubles[0].Until) > 30*time.Second {
			t.Errorf("troubles: got %v, want one with dead letters, tried again within 30 s", troubles)
		}
		if err := <-done; err != nil || len(b.records) != 3 {
			t.Errorf("Rows: got %v and %d records, want nil and 3", err, len(b.records))
		}
		if got := status.Troubles("purchases"); len(got) > 0 {
			t.Errorf("troubles at the end: got %v, want none", got)
		}
	})
}

func TestAWriterEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{fail: func(int, *pipeline.Record) error { return errors.New("broker is away") }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := newWriter(Config{}, b, nil).Rows(ctx, []pipeline.Letter{letter()})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("got %v after %v, want %v after a minute", err, time.Since(began), context.DeadlineExceeded)
		}
	})
}

func TestAFailedBatchListsItsRowsInRecordsThatFit(t *testing.T) {
	batch := pipeline.FailedBatch{
		ID: "b7", Endpoint: "/event/track/", Reason: pipeline.GaveUp, Attempts: 10,
		Answer: pipeline.Answer{HTTPStatus: 502, Message: "HTTP status 502", RequestID: "r1"},
	}
	for i := range 9000 {
		batch.Rows = append(batch.Rows, pipeline.Position{Topic: "orders", Partition: 3, Offset: int64(i), EventID: strings.Repeat("<", 64)})
	}
	b := &broker{}
	if err := newWriter(Config{}, b, nil).Batch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var rows []pipeline.Position
	for i, r := range b.records {
		var got failedBatch
		if err := json.Unmarshal(r.Value, &got); err != nil {
			t.Fatal(err)
		}
		if len(r.Value) > 512<<10 || got.Part != i+1 || got.Parts != len(b.records) || got.RowCount != 9000 || got.Batch != "b7" || got.Status != 502 || got.Reason != pipeline.GaveUp {
			t.Errorf("part %d: got %d bytes, %+v", i, len(r.Value), got)
		}
		if r.Topic != "tokrelay.failed" || string(r.Key) != "purchases" {
			t.Errorf("part %d: got topic %s key %s", i, r.Topic, r.Key)
		}
		rows = append(rows, got.Rows...)
	}
	if len(b.records) < 2 || !slices.Equal(rows, batch.Rows) {
		t.Errorf("got %d rows in %d records, want all 9000 in several", len(rows), len(b.records))
	}
}
