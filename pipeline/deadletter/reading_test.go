package deadletter

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const rejected = "tokrelay.rejected"

// brokerWith is a broker with dead letters that the real writer wrote: n of them, in turn for each of the reasons.
func brokerWith(t testing.TB, n int, reasons ...pipeline.Reason) Source {
	t.Helper()
	_, src := cluster(t, n, reasons...)
	return src
}

func cluster(t testing.TB, n int, reasons ...pipeline.Reason) (*kfake.Cluster, Source) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, rejected, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	producer := kafka.NewProducer(cfg, "test", nil, nil)
	t.Cleanup(producer.Close)
	client, err := admin.New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := NewWriter(settings.WithDefaults(Config{}), About{Sync: "purchases", Sink: "purchases", SinkKind: "events", Instance: "host-1", Version: "test"},
		Deps{Producer: producer})
	for start := 0; start < n; start += 5000 {
		if err := w.Rows(t.Context(), lettersFrom(start, min(start+5000, n), reasons)); err != nil {
			t.Fatal(err)
		}
	}
	return cluster, sourceOf(client)
}

// sourceOf is a Source of the real client, as cmd makes it.
func sourceOf(client *admin.Client) Source {
	return Source{
		All: func(ctx context.Context, topic string) (Span, error) {
			there, err := client.Topics(ctx, topic)
			if err != nil || len(there) == 0 {
				return Span{Topic: topic}, err
			}
			all, err := client.All(ctx, topic)
			return Span{Topic: topic, ID: all.IDs[topic], From: all.From[topic], To: all.To[topic]}, err
		},
		At: func(ctx context.Context, topic string, t time.Time) (map[int32]int64, error) {
			at, err := client.At(ctx, t, topic)
			return at[topic], err
		},
		Scan: func(ctx context.Context, s Span, each func(*pipeline.Record) error) error {
			return client.Scan(ctx, admin.Range{From: admin.Offsets{s.Topic: s.From}, To: admin.Offsets{s.Topic: s.To}, IDs: map[string]string{s.Topic: s.ID}}, each)
		},
	}
}

// decoder reads rows by a configuration.
func decoder(t *testing.T, c cdc.Config) Decode {
	c = settings.WithDefaults(c)
	c.Log = slog.New(slog.DiscardHandler)
	d, err := cdc.NewDecoder(c, cdc.Wanted{All: true}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.Decode
}

func lettersFrom(start, end int, reasons []pipeline.Reason) []pipeline.Letter {
	list := make([]pipeline.Letter, 0, end-start)
	for i := start; i < end; i++ {
		r := pipeline.Reject(pipeline.StageValidate, reasons[i%len(reasons)], "properties.currency", "one of the listed currency codes")
		r.EventID = fmt.Sprintf("%064d", i)
		list = append(list, pipeline.Letter{Rejection: r, SchemaID: "42", Record: &pipeline.Record{
			Topic: "orders", Partition: int32(i % 3), Offset: int64(i / 3), Timestamp: time.Now(), Key: []byte(strconv.Itoa(i)), Value: make([]byte, 300)}})
	}
	return list
}

func count(t testing.TB, src Source, f *Filter, by ...string) *Tally {
	t.Helper()
	span, err := SpanOf(t.Context(), src, rejected, f.Since, f.Until)
	if err != nil {
		t.Fatal(err)
	}
	tally, err := CountRows(t.Context(), src, span, f, by, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func TestFiltersChooseByWhatHeadersSay(t *testing.T) {
	src := brokerWith(t, 90, pipeline.InvalidCurrency, pipeline.InvalidEmail, pipeline.InvalidCurrency)
	for _, c := range []struct {
		name   string
		filter Filter
		want   int64
	}{
		{"all", Filter{}, 90},
		{"a reason", Filter{Reasons: []string{"invalid_email"}}, 30},
		{"one of two reasons", Filter{Reasons: []string{"invalid_email", "invalid_currency"}}, 90},
		{"another sync", Filter{Syncs: []string{"others"}}, 0},
		{"sync and reason", Filter{Syncs: []string{"purchases"}, Reasons: []string{"invalid_currency"}}, 60},
		{"class and field", Filter{Classes: []string{"invalid"}, Fields: []string{"properties.currency"}, Topics: []string{"orders"}}, 90},
		{"an event", Filter{EventID: fmt.Sprintf("%064d", 7)}, 1},
		{"two rows", Filter{Rows: map[string]bool{"orders/0/0": true, "orders/2/29": true, "orders/1/99": true}}, 2},
		{"a key", Filter{Key: func(r *pipeline.Record) bool { return string(r.Key) == "12" }}, 1},
		{"since tomorrow", Filter{Since: time.Now().Add(24 * time.Hour)}, 0},
		{"until now", Filter{Until: time.Now().Add(time.Minute)}, 90},
		{"until an hour ago", Filter{Until: time.Now().Add(-time.Hour)}, 0},
		{"a batch they were not in", Filter{Batch: "b1"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := count(t, src, &c.filter).Rows; got != c.want {
				t.Errorf("chose %d letters, want %d", got, c.want)
			}
		})
	}
}

func TestTheTallySumsUpToTheLetters(t *testing.T) {
	src := brokerWith(t, 100, pipeline.InvalidCurrency, pipeline.InvalidEmail, pipeline.InvalidURL)
	for _, by := range [][]string{nil, {"sync"}, {"reason"}, By, {"topic", "day"}} {
		sum := int64(0)
		counts := count(t, src, &Filter{}, by...).Counts()
		for _, c := range counts {
			sum += c.Rows
		}
		if sum != 100 {
			t.Errorf("by %v: %d letters in all, want 100", by, sum)
		}
	}
	counts := count(t, src, &Filter{}, "reason").Counts()
	if len(counts) != 3 || counts[0].Rows != 34 || counts[0].Reason != "invalid_currency" {
		t.Errorf("got %+v, want three reasons, 34 invalid_currency first", counts)
	}
}

func TestATopicThatDoesNotExistHasNoLetters(t *testing.T) {
	src := brokerWith(t, 0)
	span, err := SpanOf(t.Context(), src, "nowhere", time.Now().Add(-time.Hour), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	row := func(*pipeline.Record, *Head) error { t.Error("read a record"); return nil }
	err = Rows(t.Context(), src, span, &Filter{}, nil, row)
	other := Batches(t.Context(), src, span, &Filter{}, func(*DeadBatch) error { t.Error("read a batch"); return nil })
	tally, third := CountRows(t.Context(), src, span, &Filter{}, By, nil)
	if err != nil || other != nil || third != nil || tally.Rows != 0 {
		t.Errorf("errors %v, %v, %v, %d letters; want none", err, other, third, tally.Rows)
	}
}

func TestBatchesKnowTheirParts(t *testing.T) {
	for _, c := range []struct {
		id, batch string
		want      bool
	}{{"b7", "b7", true}, {"b7.0.1", "b7", true}, {"b70", "b7", false}, {"", "b7", false}, {"b7", "b7.0", false}} {
		if got := ofBatch([]byte(c.id), c.batch); got != c.want {
			t.Errorf("%q of %q: got %v, want %v", c.id, c.batch, got, c.want)
		}
	}
}

func TestPlacesAreReadAsTheyArePrinted(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{{"shop.public.orders/2/1041", true}, {"orders/0/0", true}, {"orders/0", false}, {"/0/0", false}, {"orders/-1/0", false}, {"orders/0/x", false}, {"a/b/0/0", false}} {
		p, err := ParsePlace(c.text)
		if (err == nil) != c.ok || c.ok && p.String() != c.text {
			t.Errorf("%q: got %v and %v, want ok %v", c.text, p, err, c.ok)
		}
	}
}

func TestRecordsAreFetchedByPlace(t *testing.T) {
	src := brokerWith(t, 30, pipeline.InvalidCurrency)
	var places []pipeline.Position
	want := map[string]bool{}
	span, err := SpanOf(t.Context(), src, rejected, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for id, end := range span.To {
		for at := int64(0); at < end; at += 3 {
			p := pipeline.Position{Topic: rejected, Partition: id, Offset: at}
			places = append(places, p)
			want[p.String()] = true
		}
	}
	places = append(places, pipeline.Position{Topic: rejected, Partition: 0, Offset: 9999}, pipeline.Position{Topic: "nowhere"})
	err = FetchAll(t.Context(), src, places, func(r *pipeline.Record) {
		if !want[r.Position()] {
			t.Errorf("%s was not asked for", r.Position())
		}
		delete(want, r.Position())
	})
	if err != nil || len(want) > 0 {
		t.Errorf("error %v; not found: %v", err, want)
	}
}

func TestMasksKeepTheShapeAlone(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Ada+1@example.com", "Xxx+9@xxxxxxx.xxx"},
		{"+1 (555) 010-00", "+9 (999) 999-99"},
		{"Müller, Ölgemälde 漢字", "Xxxxxx, Xxxxxxxxx xx"},
		{"\x1b[2J🦊", " [9X?"},
		{"", ""},
	} {
		if got := Mask(c.text); got != c.want {
			t.Errorf("mask of %q is %q, want %q", c.text, got, c.want)
		}
	}
	if got := Mask(strings.Repeat("a", 500)); !strings.HasSuffix(got, "… (500 bytes)") {
		t.Errorf("a long text is masked as %q", got)
	}
}

func TestNoValueIsShownUnlessRevealed(t *testing.T) {
	marked := []byte("marked")
	for _, v := range []pipeline.Value{
		pipeline.StringValue(marked), pipeline.JSONValue([]byte(`{"marked": "marked"}`)), pipeline.BytesValue(marked),
		pipeline.ListValue([]pipeline.Value{pipeline.StringValue(marked)}),
		pipeline.StructValue([]string{"marked"}, []pipeline.Value{pipeline.StringValue(marked)}),
	} {
		if got := show(v, false); strings.Contains(got, "marked") {
			t.Errorf("a %s is shown as %q", v.Kind(), got)
		}
	}
	if got := show(pipeline.DecimalValue(-1999, 2), false); got != "-99.99" {
		t.Errorf("a decimal is shown as %q, want its shape -99.99", got)
	}
	if got := show(pipeline.StringValue([]byte("a\x1bb")), true); got != "a\uFFFDb" {
		t.Errorf("a control character reaches the terminal: %q", got)
	}
}

func TestKeysAreMatchedByBytesAndColumns(t *testing.T) {
	decode := decoder(t, cdc.Config{Format: "flat"})
	for _, c := range []struct {
		key, text string
		want      bool
	}{
		{"4711", "4711", true}, {"4711", "471", false}, {"", "", true},
		{`{"id":4711}`, "4711", true}, {`{"id":4711}`, "id=4711", true}, {`{"id":4711}`, "id=4712", false},
		{`{"shop":1,"id":4711}`, "4711", false}, {`{"shop":1,"id":4711}`, "id=4711,shop=1", true}, {`{"shop":1,"id":4711}`, "id=4711", false},
	} {
		if got := WithKey(c.text, decode)(&pipeline.Record{Topic: "t", Key: []byte(c.key)}); got != c.want {
			t.Errorf("key %s as %q: got %v, want %v", c.key, c.text, got, c.want)
		}
	}
}

func TestAnExplanationHasACommandForTheReason(t *testing.T) {
	src := brokerWith(t, 1, pipeline.InvalidCurrency)
	o := &Opener{Source: src, Decoder: func(string) (Decode, error) { return decoder(t, cdc.Config{}), nil }}
	span, _ := SpanOf(t.Context(), src, rejected, time.Time{}, time.Time{})
	seen := 0
	err := Rows(t.Context(), src, span, &Filter{}, nil, func(r *pipeline.Record, _ *Head) error {
		seen++
		d, err := Parse(Keep(r))
		if err != nil {
			return err
		}
		e := Explain(d)
		if e.Replay != "tokrelay dlq replay --sync purchases --reason invalid_currency" || e.Source != "orders/0/0" || e.Cure == "" {
			t.Errorf("got %+v", e)
		}
		row, err := o.Open(t.Context(), d)
		if err != nil || row.Problem == "" || len(row.After) > 0 {
			t.Errorf("300 zero bytes: got %+v and %v, want a problem", row, err)
		}
		return nil
	})
	if err != nil || seen != 1 {
		t.Errorf("saw %d letters, error %v", seen, err)
	}
}
