package main

import (
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/schemas"
)

// chunk is how many rows a turn has: the daemon's chunk, the bare loop's call.
const chunk = 1000

// BenchmarkRow is a row's way from bytes to JSON, by hand and through the daemon's steps, in turns of a thousand rows: on
// a busy machine both suffer alike. The best turns of each give the ratio.
func BenchmarkRow(b *testing.B) {
	rows, steps := benchRows(b)
	var byHand bare
	runner := pipeline.Runner{Steps: steps}
	ctx, best := b.Context(), map[string]time.Duration{}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		part := rows[n%5*chunk:][:chunk]
		turn(best, "bare", func() error { return byHand.events(part) })
		turn(best, "daemon", func() error {
			runner.Items.Reset()
			for i := range part {
				if err := runner.Row(ctx, &part[i], i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for name, took := range best {
		b.ReportMetric(float64(took.Nanoseconds())/chunk, name+"-ns/row")
	}
	b.ReportMetric(float64(best["daemon"])/float64(best["bare"]), "ratio")
}

// BenchmarkDecode is how much faster the decoder's plan reads what this mapping wants than goavro reads the record, in turns.
func BenchmarkDecode(b *testing.B) {
	rows, steps := benchRows(b)
	codec, err := goavro.NewCodec(schemas.Demo("orders", "value"))
	if err != nil {
		b.Fatal(err)
	}
	var change pipeline.Change
	ctx, best := b.Context(), map[string]time.Duration{}
	for n := 0; b.Loop(); n++ {
		part := rows[n%5*chunk:][:chunk]
		turn(best, "goavro", func() error {
			for i := range part {
				if _, _, err := codec.NativeFromBinary(part[i].Value[5:]); err != nil {
					return err
				}
			}
			return nil
		})
		turn(best, "decoder", func() error {
			for i := range part {
				change.Reset()
				if err := steps.Decode(ctx, &part[i], &change); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for name, took := range best {
		b.ReportMetric(float64(took.Nanoseconds())/chunk, name+"-ns/row")
	}
	b.ReportMetric(float64(best["goavro"])/float64(best["decoder"]), "times-goavro")
}

func benchRows(b *testing.B) ([]pipeline.Record, pipeline.Steps) {
	registry := srfake.New()
	b.Cleanup(registry.Close)
	rows, err := demo.Orders(registry, 5*chunk)
	if err != nil {
		b.Fatal(err)
	}
	for i := range rows {
		rows[i].Topic, rows[i].Offset = benchTopic, int64(i+1)
	}
	steps, err := daemonSteps(addresses{Broker: "localhost:9092", Registry: registry.URL(), TikTok: "http://localhost"})
	if err != nil {
		b.Fatal(err)
	}
	return rows, steps
}

func turn(best map[string]time.Duration, name string, work func() error) {
	start := time.Now()
	if err := work(); err != nil {
		panic(err)
	}
	if took := time.Since(start); best[name] == 0 || took < best[name] {
		best[name] = took
	}
}

// events makes the events of a call and sends nothing.
func (b *bare) events(rows []pipeline.Record) error {
	b.body = b.body[:0]
	for i := range rows {
		if err := b.event(rows[i].Value[5:]); err != nil {
			return err
		}
	}
	return nil
}
