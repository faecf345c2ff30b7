package outcomes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// kafka takes batches, or answers what fail says.
type kafka struct {
	mu    sync.Mutex
	topic topic
	sizes []int
	fail  func(try int) error
	tries int
}

func (k *kafka) Batch(_ context.Context, _ string, partition int32, keys, values [][]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tries++
	if k.fail != nil {
		if err := k.fail(k.tries); err != nil {
			return err
		}
	}
	size := 0
	for i, v := range values {
		size += len(v)
		k.topic.raw(partition, time.Now(), slices.Clone(v))
		var o Outcome
		if o.Decode(v) != nil || string(o.Key) != string(keys[i]) {
			return errors.New("a record's key is not its outcome's")
		}
	}
	k.sizes = append(k.sizes, size)
	return nil
}

func writerTo(k *kafka, status *pipeline.Status, about About) *Writer {
	about.Sync, about.Identity = "purchases", func(r *pipeline.Record) []byte { return r.Key }
	return NewWriter(about, Deps{Topic: "tokrelay.outcomes", Producer: k, Status: status, Partitions: func() int { return 12 },
		Head: func(context.Context) (Head, error) { return HeadOf(1), nil }})
}

// chunkOf has n rows with keys, all told to be delivered by one call.
func chunkOf(n int) *pipeline.Chunk {
	records := make([]pipeline.Record, n)
	for i := range records {
		records[i] = pipeline.Record{Topic: "orders", Partition: 3, Offset: int64(i), Timestamp: time.Now(), Key: fmt.Append(nil, i)}
	}
	c := pipeline.NewChunk(records)
	c.KeepTold()
	told := &pipeline.Told{Call: "b1", RequestID: "r1"}
	for i := range records {
		c.Tell(i, told)
	}
	return c
}

func TestAWriterTriesUntilKafkaTakesTheOutcomesAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := pipeline.NewStatus(time.Now)
		k := &kafka{fail: func(try int) error {
			if try < 100 {
				return errors.New("broker is away")
			}
			return nil
		}}
		w := writerTo(k, status, About{})
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- w.Chunk(t.Context(), chunkOf(5), &pipeline.Items{}) }()
		}
		<-time.After(10 * time.Minute)
		if got := status.Troubles("purchases"); len(got) != 1 || got[0].Kind != pipeline.TroubleKafka || time.Until(got[0].Until) > 30*time.Second {
			t.Errorf("troubles: got %v, want one of Kafka's, tried again within 30 s", got)
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := status.Troubles("purchases"); len(got) > 0 {
			t.Errorf("troubles at the end: got %v, want none", got)
		}
		if n := len(k.topic.partitions[PartitionOf("orders", 3, 12)]); n != 10 {
			t.Errorf("got %d outcomes, want 10", n)
		}
	})
}

func TestAWriterEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := pipeline.NewStatus(time.Now)
		w := writerTo(&kafka{fail: func(int) error { return errors.New("broker is away") }}, status, About{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Chunk(ctx, chunkOf(1), &pipeline.Items{}); !errors.Is(err, context.DeadlineExceeded) || len(status.Troubles("purchases")) > 0 {
			t.Errorf("got %v, troubles %v", err, status.Troubles("purchases"))
		}
	})
}

func TestARowThatSettledBeforeItsChunkCameAgainKeepsWhatItIsFoundBy(t *testing.T) {
	k, c := &kafka{}, chunkOf(1)
	first := &pipeline.Items{Buf: []byte("e1digest88"), List: []pipeline.Item{{IDEnd: 2, Persons: 10}}}
	c.Settle(0, pipeline.Delivered)
	c.KeepItems(first)
	clear(first.Buf) // its memory is another chunk's now
	if err := writerTo(k, nil, About{}).Chunk(t.Context(), c, &pipeline.Items{}); err != nil {
		t.Fatal(err)
	}
	_, err := Scan(t.Context(), k.topic.source(), Options{}, func(o *Outcome) error {
		if string(o.EventID) != "e1" || string(o.Digests) != "digest88" || o.Action != Send || o.Call != "b1" {
			t.Errorf("got %+v", o)
		}
		return nil
	})
	if err != nil || k.tries != 1 {
		t.Errorf("got %v and %d batches", err, k.tries)
	}
}

func TestALargeChunkIsWrittenInPartsThatBrokersTake(t *testing.T) {
	k := &kafka{}
	c := chunkOf(1000)
	items := &pipeline.Items{}
	for row := range 1000 {
		id := make([]byte, 4000)
		start := int32(len(items.Buf))
		items.Buf = append(items.Buf, id...)
		items.List = append(items.List, pipeline.Item{Row: int32(row), IDStart: start, IDEnd: start + 4000})
	}
	if err := writerTo(k, nil, About{}).Chunk(t.Context(), c, items); err != nil {
		t.Fatal(err)
	}
	if n := len(k.topic.partitions[PartitionOf("orders", 3, 12)]); n != 1000 || len(k.sizes) < 8 || slices.Max(k.sizes) > 600<<10 {
		t.Errorf("got %d outcomes in parts of %v bytes", n, k.sizes)
	}
}

func TestWhatAReplayDoesIsInTheFirstPartitionWithItsName(t *testing.T) {
	k := &kafka{}
	w := writerTo(k, nil, About{Replay: "r7", By: "command"})
	if err := w.Chunk(t.Context(), chunkOf(2), &pipeline.Items{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Skipped(t.Context(), []pipeline.Record{{Topic: "orders", Offset: 9}}, pipeline.SkipGone); err != nil {
		t.Fatal(err)
	}
	var got []string
	_, err := Scan(t.Context(), k.topic.source(), Options{Partitions: []int32{LettersPartition}}, func(o *Outcome) error {
		got = append(got, fmt.Sprintf("%d %s '%s' %s %s", o.Offset, o.End, o.Reason, o.Replay, o.By))
		return nil
	})
	want := []string{"0 delivered '' r7 command", "1 delivered '' r7 command", "9 skipped 'row_gone' r7 command"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
