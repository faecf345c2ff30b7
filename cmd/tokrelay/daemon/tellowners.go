package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// TellOwners writes records to the owners of an audience, until Kafka has taken all; it fails only when ctx ends.
func (w *Wiring) TellOwners(ctx context.Context, tell func(owners.Write)) error {
	var records []pipeline.Record
	tell(func(topic string, partition int32, key, value []byte) {
		records = append(records, pipeline.Record{Topic: topic, Partition: partition, Key: slices.Clone(key), Value: slices.Clone(value)})
	})
	backoff := pipeline.Backoff{First: 200 * time.Millisecond, Most: 5 * time.Second}
	for tries := 0; ; tries++ {
		var left []pipeline.Record
		var why error
		for i, err := range w.producer.Produce(ctx, records) {
			if err != nil {
				left, why = append(left, records[i]), err
			}
		}
		if records = left; len(records) == 0 {
			return nil
		}
		if tries == 0 {
			w.Log.Warn("what the owners of an audience's rows are to be told is not written, and is tried again", "topic", records[0].Topic, "error", why)
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return fmt.Errorf("write to the owners of rows: %w", err)
		}
	}
}
