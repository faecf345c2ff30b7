package outcomes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/schemas"
)

func codec(t *testing.T) *goavro.Codec {
	c, err := goavro.NewCodec(schemas.Outcome())
	if err != nil {
		t.Fatalf("schema of outcomes: %v", err)
	}
	return c
}

func TestTheHeadWithoutARegistryIsAvrosSingleObjectEncoding(t *testing.T) {
	want, err := codec(t).SingleFromNative(nil, native(&Outcome{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := (&Outcome{}).Append(nil, Unregistered()); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got[:10], want[:10])
	}
}

// native is the outcome as goavro, which knows the schema alone, writes and reads it.
func native(o *Outcome) map[string]any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return map[string]any{"string": s}
	}
	var key any
	if o.Key != nil {
		key = map[string]any{"bytes": o.Key}
	}
	var digests []any
	for d := o.Digests; len(d) > 0; d = d[Prefix:] {
		digests = append(digests, d[:Prefix])
	}
	m := map[string]any{"sync": o.Sync, "topic": o.Topic, "partition": o.Partition, "offset": o.Offset, "key": key, "event_id": text(string(o.EventID)),
		"digests": digests, "action": o.Action.String(), "outcome": o.End.String(), "stage": text(o.Stage), "reason": text(o.Reason), "field": text(o.Field),
		"column": text(o.Column), "code": nil, "request_id": text(o.RequestID), "call": text(o.Call), "changed_at": time.UnixMilli(o.Changed).UTC(),
		"settled_at": time.UnixMilli(o.Settled).UTC(), "replay": text(o.Replay), "by": text(o.By), "letter_partition": nil, "letter_offset": nil}
	if o.HasCode {
		m["code"] = map[string]any{"int": int32(o.Code)}
	}
	if o.Letter.Known {
		m["letter_partition"], m["letter_offset"] = map[string]any{"int": o.Letter.Partition}, map[string]any{"long": o.Letter.Offset}
	}
	return m
}

func TestGoavroAndTheHandWrittenCodeWriteAndReadTheSame(t *testing.T) {
	c, seed := codec(t), rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var again Outcome // its memory is used again
	for i := range 2000 {
		want := randomOutcome(r)
		binary, err := c.BinaryFromNative(nil, native(want))
		if err != nil {
			t.Fatal(err)
		}
		got := want.Append(nil, HeadOf(7))
		if !bytes.Equal(got, append([]byte{0, 0, 0, 0, 7}, binary...)) {
			t.Fatalf("seed %d, outcome %d: %+v\ngot  % x\nwant % x", seed, i, want, got, binary)
		}
		back, _, err := c.NativeFromBinary(binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Decode(got); err != nil {
			t.Fatalf("seed %d, outcome %d: %v", seed, i, err)
		}
		if read, _, _ := c.NativeFromBinary(mustBinary(t, c, &again)); fmt.Sprint(read) != fmt.Sprint(back) {
			t.Fatalf("seed %d, outcome %d:\ngot  %v\nwant %v", seed, i, read, back)
		}
		if !reflect.DeepEqual(again.Clone(), want) {
			t.Fatalf("seed %d, outcome %d: read back:\ngot  %+v\nwant %+v", seed, i, again, want)
		}
	}
}

func mustBinary(t *testing.T, c *goavro.Codec, o *Outcome) []byte {
	b, err := c.BinaryFromNative(nil, native(o))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func randomOutcome(r *rand.Rand) *Outcome {
	text := func() string {
		return strings.Repeat("ä", r.IntN(3)) + strings.Repeat("x", r.IntN(2)*r.IntN(200))
	}
	some := func(n int) []byte {
		if n == 0 {
			return nil
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(r.IntN(26))
		}
		return b
	}
	o := &Outcome{Sync: text(), Topic: text(), Partition: r.Int32(), Offset: int64(r.Uint64()), Key: some(r.IntN(2) * Prefix), EventID: some(r.IntN(70)),
		Digests: some(Prefix * r.IntN(4)), Action: Action(r.IntN(len(actions))), End: End(r.IntN(len(ends))), Stage: text(), Reason: text(), Field: text(),
		Column: text(), HasCode: r.IntN(2) > 0, RequestID: text(), Call: text(), Changed: r.Int64N(1e13), Settled: r.Int64N(1e13), Replay: text(), By: text()}
	if o.HasCode {
		o.Code = int(r.Int32())
	}
	if r.IntN(2) > 0 {
		o.Letter = Letter{Partition: r.Int32(), Offset: r.Int64(), Known: true}
	}
	return o
}

// A later version adds fields at the end.
func TestAnOutcomeOfALaterVersionIsReadAsFarAsItIsKnown(t *testing.T) {
	want := randomOutcome(rand.New(rand.NewPCG(1, 2)))
	var got Outcome
	if err := got.Decode(append(want.Append(nil, HeadOf(1)), 2, 4, 'x', 'y')); err != nil || !reflect.DeepEqual(got.Clone(), want) {
		t.Errorf("got %v, %+v, want %+v", err, got, want)
	}
}

func TestWhatIsNotAnOutcomeIsAnErrorAndNoPanic(t *testing.T) {
	whole := randomOutcome(rand.New(rand.NewPCG(3, 4))).Append(nil, Unregistered())
	var o Outcome
	for n := range len(whole) {
		if err := o.Decode(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes: got no error", n, len(whole))
		}
	}
	for _, text := range []string{"", "{}", "\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if o.Decode([]byte(text)) == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(randomOutcome(rand.New(rand.NewPCG(5, 6))).Append(nil, HeadOf(1)))
	f.Fuzz(func(t *testing.T, value []byte) {
		var o, again Outcome
		if o.Decode(value) != nil {
			return
		}
		if err := again.Decode(o.Append(nil, HeadOf(1))); err != nil {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}

func TestRowsOfOneSourcePartitionAreInOnePartitionThatIsNotTheLetters(t *testing.T) {
	used := map[int32]bool{}
	for p := range int32(22) {
		at := PartitionOf("shop.public.orders", p, 12)
		if used[at] = true; at < 1 || at > 11 || at != PartitionOf("shop.public.orders", p, 12) {
			t.Errorf("partition %d: got %d, want one of 1 to 11, always the same", p, at)
		}
	}
	if len(used) != 11 {
		t.Errorf("22 source partitions are in %d partitions, want all 11", len(used))
	}
	if at := PartitionOf("t", 5, 1); at != 0 {
		t.Errorf("of one partition: got %d, want 0", at)
	}
}

func BenchmarkAppend(b *testing.B) {
	o := usual()
	var buf []byte
	for b.Loop() {
		buf = o.Append(buf[:0], HeadOf(7))
	}
	b.ReportMetric(float64(len(buf)), "bytes/row")
}

func BenchmarkDecode(b *testing.B) {
	value := usual().Append(nil, HeadOf(7))
	var o Outcome
	for b.Loop() {
		if err := o.Decode(value); err != nil {
			b.Fatal(err)
		}
	}
}

func usual() *Outcome {
	return &Outcome{Sync: "purchases", Topic: "shop.public.customer_events", Partition: 3, Offset: 1234567, Key: AppendKey(nil, []byte("42")),
		EventID: []byte("0123456789abcdef0123456789abcdef"), Digests: make([]byte, 3*Prefix), Action: Send, HasCode: true,
		RequestID: "202611302104371A2B3C4D5E6F7A8B9C0D", Call: "bk3j2h1g-17", Changed: 1796072677000, Settled: 1796072677500}
}
